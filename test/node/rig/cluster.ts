import { type ControlPlane, startControlPlane } from '../../cluster/control-plane.ts';
import { findTools } from '../../cluster/tools/build.ts';
import { Machine } from './machine.ts';
import { type NodeConnection, startNode } from './node.ts';
import { whyNoNode } from './prerequisites.ts';

/** A control plane, and a node in it. */
export interface ClusterWithNode {
  readonly controlPlane: ControlPlane;
  readonly node: NodeConnection;
  readonly close: () => Promise<void>;
}

const TOOLS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kubectl'] as const;

/** Starts both, or says why that cannot be done here. When it fails, what was started is gone again. */
export async function startClusterWithNode(
  log: (line: string) => void,
): Promise<ClusterWithNode | { readonly unavailable: string }> {
  const unavailable = whyNoNode();
  if (unavailable !== undefined) return { unavailable };
  const tools = await findTools(TOOLS, log);
  if ('unavailable' in tools) return tools;
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const each of closing.toReversed()) await each();
  };
  try {
    const machine = await Machine.start();
    closing.push(() => machine.close());
    // On an address that pods reach.
    const controlPlane = await startControlPlane({ tools, address: machine.address });
    closing.push(() => controlPlane.close());
    const { close: closeNode, ...node } = await startNode(machine, controlPlane, tools);
    closing.push(closeNode);
    return { controlPlane, node, close };
  } catch (error) {
    await close();
    throw error;
  }
}
