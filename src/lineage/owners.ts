import type { JsonObject } from '../json.ts';
import type { Requester } from '../operator/requester.ts';
import type { WorkloadKind } from './kinds.ts';

/** What a live read found. */
export type Read =
  | { readonly kind: 'found'; readonly object: JsonObject }
  | { readonly kind: 'missing' }
  /** It could not be found out in time; the reason for people. */
  | { readonly kind: 'failed'; readonly problem: string };

/** An object to be read from the API server: never from a cache, which a pod's author could be quicker than. */
export interface Wanted {
  readonly kind: Pick<WorkloadKind, 'group' | 'versions' | 'resource'>;
  /** The version by which the reference names it, where one does. */
  readonly version?: string;
  readonly namespace: string;
  readonly name: string;
}

/** Reads objects for the core, which knows no client. */
export interface Owners {
  /** Never rejects. @param deadline in milliseconds since the epoch; what comes later is `failed` */
  read(wanted: Wanted, deadline: number): Promise<Read>;
  /** Whether a user has one of Countersign's verbs (SubjectAccessReview). Never rejects; `undefined`: unknown. */
  mayUse(verb: string, requester: Requester, deadline: number): Promise<boolean | undefined>;
}
