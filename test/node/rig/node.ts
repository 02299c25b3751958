import { join } from 'node:path';
import { createAuthority, type PemPair } from '../../../src/tls/authority.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { Component } from '../../cluster/component.ts';
import { containerd } from './containerd.ts';
import { type Images, loadImages } from './images.ts';
import { kubelet } from './kubelet.ts';
import type { Machine, MachineConnection } from './machine.ts';

/** All that a test needs to know of the node. */
export interface NodeConnection {
  readonly machine: MachineConnection;
  readonly images: Images;
  /** Whom session containers trust, so that tests can be AWS to them. */
  readonly authority: PemPair;
}

export interface NodeTools {
  readonly 'kube-scheduler': string;
  readonly kubelet: string;
  readonly kubectl: string;
}

/** Makes a node of the machine, in this cluster. What was started ends with the machine, or with `close`. */
export async function startNode(
  machine: Machine,
  cluster: Cluster,
  tools: NodeTools,
): Promise<NodeConnection & { close: () => Promise<void> }> {
  const authority = await createAuthority({ commonName: 'tests of the node', days: 2, now: new Date() });
  const components = [await scheduler(machine, cluster, tools['kube-scheduler']), containerd(machine)];
  const close = async () => {
    for (const component of components.toReversed()) await component.kill();
  };
  try {
    for (const component of components) await component.start();
    const images = await loadImages(machine, tools.kubectl, authority.certificate);
    const last = await kubelet(machine, cluster, tools.kubelet);
    components.push(last);
    await last.start();
    return { machine: machine.connection, images, authority, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function scheduler(machine: Machine, cluster: Cluster, program: string): Promise<Component> {
  const kubeconfig = await cluster.userKubeconfig('system:kube-scheduler');
  return new Component({
    command: [program, `--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0'],
    env: { PATH: process.env['PATH'] },
    logPath: join(machine.dir, 'scheduler.log'),
    // Whether it works is seen in the first pod.
    ready: async () => true,
    readyTimeoutMs: 1_000,
  });
}
