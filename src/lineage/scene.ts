import type { Policy } from '../policy/compile.ts';
import type { StampKeys } from '../stamp/keys.ts';
import type { Owners } from './owners.ts';

/** Everything that a check of stamps needs to know beside the objects. */
export interface Scene {
  /** Id of the cluster: a stamp from another one does not count. */
  readonly cluster: string;
  readonly namespace: string;
  /** Since when the namespace is governed, as its annotation says. */
  readonly since: string;
  readonly policy: Policy;
  readonly keys: StampKeys;
  readonly owners: Owners;
  /** When the answer must be there, in milliseconds since the epoch. */
  readonly deadline: number;
  /** In milliseconds since the epoch. */
  readonly now: number;
}
