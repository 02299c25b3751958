import { existsSync, readFileSync } from 'node:fs';

/** Everything is recorded with its annotations; of pods, also what was asked and what came of it. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  // One record a request, written when its answer is known.
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'RequestResponse', resources: [{ group: '', resources: ['pods', 'pods/*'] }] },
    { level: 'Metadata' },
  ],
};

export interface AuditUser {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** A line of the audit log (audit.k8s.io/v1 Event), as far as tests read it. */
export interface AuditEvent {
  readonly auditID: string;
  readonly level: string;
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: AuditUser;
  readonly impersonatedUser?: AuditUser;
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly apiVersion?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly reason?: string; readonly message?: string };
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

/** What an event must have; what is left out may be anything. `subresource: ''` means none. */
export interface AuditFilter {
  readonly user?: string;
  readonly impersonated?: string;
  readonly verb?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly code?: number;
}

/** The events in the log that fit the filter, oldest first. */
export function readAuditLog(path: string, filter: AuditFilter): AuditEvent[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  // The server may be in the middle of writing the last line.
  lines.pop();
  return lines.map((line) => JSON.parse(line) as AuditEvent).filter((event) => fits(event, filter));
}

function fits(event: AuditEvent, filter: AuditFilter): boolean {
  const found: Required<{ [K in keyof AuditFilter]: AuditFilter[K] | undefined }> = {
    user: event.user.username,
    impersonated: event.impersonatedUser?.username,
    verb: event.verb,
    resource: event.objectRef?.resource,
    subresource: event.objectRef?.subresource ?? '',
    namespace: event.objectRef?.namespace,
    name: event.objectRef?.name,
    code: event.responseStatus?.code,
  };
  return Object.entries(filter).every(([key, value]) => found[key as keyof AuditFilter] === value);
}
