import { inject } from 'vitest';
import { Cluster } from './cluster.ts';
import { remoteControl } from './control.ts';
import { layoutOf } from './layout.ts';

/** A cluster that may be missing; then `unavailable` says why, and is empty otherwise. */
export type TestCluster = Cluster & { readonly unavailable: string };

/**
 * The control plane that setup.ts started, for a test file:
 *
 *     const cluster = connect();
 *     describe.skipIf(cluster.unavailable)('…', () => { … await cluster.kubectl(['get', 'pods']) … });
 */
export function connect(): TestCluster {
  const provided = inject('cluster');
  if ('unavailable' in provided) return missing(provided.unavailable);
  const cluster = new Cluster(provided, remoteControl(layoutOf(provided.dir).control));
  return Object.assign(cluster, { unavailable: '' });
}

/** Whatever else is asked of it fails with the reason, so that a test which forgot to be skipped says the right thing. */
function missing(unavailable: string): TestCluster {
  return new Proxy({} as TestCluster, {
    get(_, property) {
      if (property === 'unavailable') return unavailable;
      throw new Error(`no control plane: ${unavailable}`);
    },
  });
}
