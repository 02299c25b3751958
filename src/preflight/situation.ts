import type { JsonObject } from '../json.ts';
import type { WorkloadKind } from '../lineage/kinds.ts';
import type { Policy } from '../policy/compile.ts';
import type { VerifyingKeys } from '../stamp/keys.ts';

/** A namespace as it is, and the policy that it is held against. */
export interface Situation {
  readonly namespace: string;
  readonly policy: Policy;
  /** The Pod Security level that its label enforces; empty where there is none. */
  readonly podSecurity: string;
  /** What stamps are checked against; undefined where the namespace is not governed, so that none can count. */
  readonly stamps: { readonly since: string; readonly cluster: string; readonly keys: VerifyingKeys } | undefined;
  readonly workloads: readonly Listed[];
  readonly pods: readonly JsonObject[];
}

/** An object of a workload kind. */
export interface Listed {
  readonly kind: WorkloadKind;
  readonly object: JsonObject;
}

/** Something that would be refused. */
export interface Problem {
  /** Why and what to do, as the denial says it. */
  readonly message: string;
  /** What does away with it, where a command can. */
  readonly command?: string;
}

/** What would be refused of one object, or of what is made for it. */
export interface Finding {
  readonly title: string;
  readonly problems: readonly Problem[];
}

export interface Report {
  readonly findings: readonly Finding[];
  /** How many objects were looked at: those that somebody has to answer for. */
  readonly examined: number;
}
