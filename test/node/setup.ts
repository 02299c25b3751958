import type { TestProject } from 'vitest/node';
import { serveControl } from '../cluster/control.ts';
import { layoutOf } from '../cluster/layout.ts';
import { nameSkipped } from '../cluster/setup.ts';
import { startClusterWithNode } from './rig/cluster.ts';
import type { NodeConnection } from './rig/node.ts';

declare module 'vitest' {
  interface ProvidedContext {
    node: NodeConnection | { readonly unavailable: string };
  }
}

/** Starts a control plane and one node for all files of the layer, and hands their whereabouts to them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = await startClusterWithNode((line) => project.vitest.logger.log(line));
  if ('unavailable' in started) {
    project.provide('cluster', started);
    project.provide('node', started);
    return async () => nameSkipped(project, `there is no node: ${started.unavailable}`);
  }
  const { controlPlane, node, close } = started;
  const stopServing = await serveControl(layoutOf(controlPlane.dir).control, controlPlane);
  project.provide('cluster', controlPlane.connection);
  project.provide('node', node);
  return async () => {
    await stopServing();
    await close();
  };
}
