import { SESSION_IDENTITY } from '../../names.ts';

/** Whom the API server is to see behind the token. */
export interface ActingAs {
  readonly operator: string;
  readonly sessionId: string;
  /** Whether the session has a group of its own, to which its grant is bound. */
  readonly group: boolean;
}

/**
 * The headers of one impersonation, name and value in turn. The extra always goes along: it grants nothing; admission
 * knows a session by it (Kubernetes: "User impersonation"; a slash in an extra's key is written as `%2F`).
 */
export function impersonation({ operator, sessionId, group }: ActingAs): readonly string[] {
  return [
    'Impersonate-User',
    operator,
    `Impersonate-Extra-${encodeURIComponent(SESSION_IDENTITY.extraKey)}`,
    sessionId,
    ...(group ? ['Impersonate-Group', `${SESSION_IDENTITY.groupPrefix}${sessionId}`] : []),
  ];
}

/** What a caller's headers come to. */
export type Examined =
  | { readonly kind: 'refused'; readonly why: string; readonly claims: readonly Claim[] }
  | {
      readonly kind: 'examined';
      /** What goes on to the API server, name and value in turn, with the framing of the body. */
      readonly passed: string[];
      readonly hasBody: boolean;
      readonly host: string | undefined;
      readonly authorization: string | undefined;
      /** What was dropped although it would say who is calling. */
      readonly claims: readonly Claim[];
    };

/** Kinds of identity headers; a fixed set, so that a caller cannot make a count of its own for each request. */
export type Claim =
  | 'Impersonate-User'
  | 'Impersonate-Group'
  | 'Impersonate-Uid'
  | 'Impersonate-Extra-*'
  | 'Impersonate-*'
  | 'X-Remote-*'
  | 'X-Forwarded-*'
  | 'Proxy-Authorization'
  | 'Authorization'
  | 'Audit-ID'
  | 'Connection'
  | 'Sec-WebSocket-Protocol';

/**
 * Makes the headers for the API server from scratch: only what is listed below goes on, under the name that stands
 * there. So no spelling of a header that says who is calling comes through, known or not; the known ones are named.
 *
 * @param raw name and value in turn, as they came (`IncomingMessage.rawHeaders`)
 */
export function examine(raw: readonly string[]): Examined {
  const passed: string[] = [];
  const claims = new Set<Claim>();
  const single = new Map<string, string>();
  const hops = hopByHop(raw);
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]?.toLowerCase() ?? '';
    const value = raw[at + 1] ?? '';
    if (SINGLE.has(name)) {
      // Which of two counts would be the next reader's choice: request smuggling lives on that.
      if (single.has(name))
        return { kind: 'refused', why: `two ${name} headers`, claims: [...claims, ...claimed(name)] };
      single.set(name, value);
    } else if (name === 'sec-websocket-protocol') {
      const protocols = value.split(',').map((each) => each.trim());
      const harmless = protocols.filter((each) => !each.toLowerCase().startsWith(BEARER_PROTOCOL));
      if (harmless.length < protocols.length) claims.add('Sec-WebSocket-Protocol');
      if (harmless.length > 0) passed.push('Sec-WebSocket-Protocol', harmless.join(', '));
    } else {
      const canonical = PASSED.get(name);
      if (canonical !== undefined && !hops.includes(name)) passed.push(canonical, value);
      else for (const claim of claimed(name)) claims.add(claim);
    }
  }
  // Asks the next hop to forget a header: a proxy that obeyed would drop the impersonation that it had just added.
  if (hops.some((name) => claimed(name).length > 0)) claims.add('Connection');
  const framing = frame(single);
  if (typeof framing === 'string') return { kind: 'refused', why: framing, claims: [...claims] };
  passed.push(...framing);
  return {
    kind: 'examined',
    passed,
    hasBody: framing.length > 0 && framing[1] !== '0',
    host: single.get('host'),
    authorization: single.get('authorization'),
    claims: [...claims].toSorted(),
  };
}

/** Headers of which one decides. */
const SINGLE = new Set(['host', 'authorization', 'content-length', 'transfer-encoding', 'upgrade']);

/** What Kubernetes clients send and the API server reads, by its name in lower case. */
const PASSED = new Map(
  [
    'Accept',
    'Accept-Encoding',
    'Cache-Control',
    'Content-Encoding',
    'Content-Type',
    'Expect',
    'If-Match',
    'If-Modified-Since',
    'If-None-Match',
    'If-Unmodified-Since',
    'Kubectl-Command',
    'Kubectl-Session',
    'Range',
    'Sec-WebSocket-Extensions',
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Version',
    'Traceparent',
    'Tracestate',
    'User-Agent',
    'X-Stream-Protocol-Version',
  ].map((name) => [name.toLowerCase(), name]),
);

/** A bearer token in disguise, as browsers cannot set Authorization on WebSockets (apiserver, request/websocket). */
const BEARER_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** What a header would say of who is calling. Proxies and languages exist for which `_` is `-`. */
function claimed(name: string): Claim[] {
  const dashed = name.replaceAll('_', '-');
  const found = CLAIMS.find(([prefix]) => dashed.startsWith(prefix));
  return found === undefined ? [] : [found[1]];
}

const CLAIMS: readonly (readonly [prefix: string, claim: Claim])[] = [
  ['impersonate-user', 'Impersonate-User'],
  ['impersonate-group', 'Impersonate-Group'],
  ['impersonate-uid', 'Impersonate-Uid'],
  ['impersonate-extra-', 'Impersonate-Extra-*'],
  ['impersonate-', 'Impersonate-*'],
  ['x-remote-', 'X-Remote-*'],
  // The API server writes these into its audit log as source addresses.
  ['x-forwarded-', 'X-Forwarded-*'],
  ['x-real-ip', 'X-Forwarded-*'],
  ['forwarded', 'X-Forwarded-*'],
  ['proxy-authorization', 'Proxy-Authorization'],
  ['authorization', 'Authorization'],
  // Two records with one id, of which the agent chose it, are a riddle for whoever reads the log.
  ['audit-id', 'Audit-ID'],
];

/** What the caller's Connection headers name, in lower case (RFC 9110, 7.6.1: not to be passed on). */
function hopByHop(raw: readonly string[]): string[] {
  const names: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]?.toLowerCase() !== 'connection') continue;
    for (const name of (raw[at + 1] ?? '').split(',')) names.push(name.trim().toLowerCase());
  }
  return names;
}

/** The headers that say how long the body is, or why they say nothing clear. */
function frame(single: ReadonlyMap<string, string>): readonly string[] | string {
  const length = single.get('content-length');
  const coding = single.get('transfer-encoding');
  if (length !== undefined && coding !== undefined) return 'both Content-Length and Transfer-Encoding';
  if (coding !== undefined) {
    return coding.trim().toLowerCase() === 'chunked'
      ? ['Transfer-Encoding', 'chunked']
      : 'an unknown Transfer-Encoding';
  }
  if (length === undefined) return [];
  return /^[0-9]{1,15}$/.test(length)
    ? ['Content-Length', String(Number(length))]
    : 'a Content-Length that is no number';
}
