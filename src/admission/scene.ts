import { type Denial, deny } from '../denials.ts';
import type { ApiServer } from '../injection/container.ts';
import type { Owners } from '../lineage/owners.ts';
import type { Scene } from '../lineage/scene.ts';
import type { StampKeys } from '../stamp/keys.ts';
import type { Governance } from './governance.ts';

export type Governed = Extract<Governance, { kind: 'governed' }>;

/** What stamps are signed and verified with. */
export interface Stamping {
  /** Id of the cluster. */
  readonly cluster: string;
  /** Undefined while there are none. */
  readonly keys: StampKeys | undefined;
  readonly owners: Owners;
  /** When the answer must be there, in milliseconds since the epoch. */
  readonly deadline: number;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** What every session is given that no policy says. */
export interface SessionSurroundings {
  /** Image of the session container, by digest. */
  readonly sessionImage: string;
  /** How sessions reach the API server; undefined where it is not known. */
  readonly apiServer?: ApiServer | undefined;
}

/** What a decision needs to know beside the review and what governs the namespace. */
export interface Circumstances extends SessionSurroundings {
  /** Undefined where nothing is stamped, as without a cluster: then only pods that people create are attributed. */
  readonly stamping?: Stamping | undefined;
}

export type SceneResult =
  | { readonly kind: 'scene'; readonly scene: Scene }
  | { readonly kind: 'off' }
  | { readonly kind: 'refused'; readonly denial: Denial };

/** What stamps in a namespace are checked against. */
export function sceneOf(namespace: string, governance: Governed, circumstances: Circumstances): SceneResult {
  const { stamping } = circumstances;
  if (stamping === undefined) return { kind: 'off' };
  const { keys, cluster, owners, deadline, now } = stamping;
  if (keys === undefined) return { kind: 'refused', denial: deny('KeysUnavailable', {}) };
  const { since, policy } = governance;
  if (since === undefined || since === '') {
    return { kind: 'refused', denial: deny('GovernanceUndated', { namespace }) };
  }
  return { kind: 'scene', scene: { cluster, namespace, since, policy, keys, owners, deadline, now } };
}
