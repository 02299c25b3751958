import type { TestProject } from 'vitest/node';
import { serveControl } from '../cluster/control.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { layoutOf } from '../cluster/layout.ts';
import { nameSkipped } from '../cluster/setup.ts';
import { findTools } from '../cluster/tools/build.ts';
import { Machine } from './rig/machine.ts';
import { type NodeConnection, startNode } from './rig/node.ts';
import { whyNoNode } from './rig/prerequisites.ts';

declare module 'vitest' {
  interface ProvidedContext {
    node: NodeConnection | { readonly unavailable: string };
  }
}

/** Starts a control plane and one node for all files of the layer, and hands their whereabouts to them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = (line: string) => project.vitest.logger.log(line);
  const reason = whyNoNode();
  const tools =
    reason === undefined
      ? await findTools(
          ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kubectl'],
          log,
        )
      : { unavailable: reason };
  if ('unavailable' in tools) {
    project.provide('cluster', tools);
    project.provide('node', tools);
    return async () => nameSkipped(project, `there is no node: ${tools.unavailable}`);
  }
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const each of closing.toReversed()) await each();
  };
  try {
    const machine = await Machine.start();
    closing.push(() => machine.close());
    // On an address that pods reach.
    const controlPlane: ControlPlane = await startControlPlane({ tools, address: machine.address });
    closing.push(() => controlPlane.close());
    closing.push(await serveControl(layoutOf(controlPlane.dir).control, controlPlane));
    const node = await startNode(machine, controlPlane, tools);
    closing.push(node.close);
    project.provide('cluster', controlPlane.connection);
    const { machine: whereabouts, images, authority } = node;
    project.provide('node', { machine: whereabouts, images, authority });
    return close;
  } catch (error) {
    await close();
    throw error;
  }
}
