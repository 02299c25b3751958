import { randomUUID } from 'node:crypto';
import type { Cluster } from '../../cluster.ts';

export interface PaperPod {
  readonly name: string;
  /** Takes it and its node away: others count nodes. */
  remove(): Promise<void>;
}

/**
 * A pod on a node where no kubelet is: whoever enters it gets as far as the API server, which opens the stream and then
 * finds that nobody answers there.
 *
 * @param address the pod's own, which `pods/proxy` leads to
 */
export async function podWithoutNode(cluster: Cluster, namespace: string, address?: string): Promise<PaperPod> {
  const name = `paper-${randomUUID().slice(0, 8)}`;
  const apply = async (object: object, ...flags: string[]) => {
    const options = { stdin: JSON.stringify(object) };
    const { status, stderr } = await cluster.kubectl(['apply', '--server-side', ...flags, '-f', '-'], options);
    if (status !== 0) throw new Error(stderr);
  };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name } };
  await apply(node);
  const port = { kubeletEndpoint: { Port: 1 } };
  const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }];
  await apply({ ...node, status: { addresses, daemonEndpoints: port } }, '--subresource=status');
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace } };
  const containers = [{ name: 'main', image: 'none' }];
  await apply({ ...pod, spec: { nodeName: name, containers, tolerations: [{ operator: 'Exists' }] } });
  const status = { phase: 'Running', ...(address === undefined ? {} : { podIP: address, podIPs: [{ ip: address }] }) };
  await apply({ ...pod, status }, '--subresource=status');
  return {
    name,
    remove: async () => {
      await cluster.kubectl(['delete', 'pod', name, '-n', namespace, '--grace-period=0', '--force']);
      await cluster.kubectl(['delete', 'node', name]);
    },
  };
}
