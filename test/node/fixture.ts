import { inject } from 'vitest';
import { connect, type TestCluster } from '../cluster/fixture.ts';
import type { NodeConnection } from './rig/node.ts';

/** The cluster with its node; `unavailable` says why there is none, and is empty otherwise. */
export interface TestNode {
  readonly cluster: TestCluster;
  readonly unavailable: string;
  /** Fails where there is no node. */
  readonly node: NodeConnection;
}

/** What setup.ts started, for a test file: see `connect` of the cluster layer. */
export function connectNode(): TestNode {
  const provided = inject('node');
  const unavailable = 'unavailable' in provided ? provided.unavailable : '';
  return {
    cluster: connect(),
    unavailable,
    get node() {
      if ('unavailable' in provided) throw new Error(`no node: ${unavailable}`);
      return provided;
    },
  };
}
