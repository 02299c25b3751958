import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../../cluster/cluster.ts';
import { Component } from '../../cluster/component.ts';
import { CONTAINERD_SOCKET } from './containerd.ts';
import { type Machine, onMachine } from './machine.ts';
import { NODE_PATH } from './prerequisites.ts';

export const NODE_NAME = 'node';

/** kubelet on the node. It is ready when the API server says so of the node. */
export async function kubelet(machine: Machine, cluster: Cluster, program: string): Promise<Component> {
  const path = (name: string) => join(machine.dir, name);
  writeFileSync(path('client-ca.crt'), cluster.ca);
  // Nobody answers there: names are not resolved in these tests.
  writeFileSync(path('resolv.conf'), 'nameserver 127.0.0.1\n');
  writeFileSync(path('kubelet.json'), JSON.stringify(configuration(machine, path)));
  const kubeconfig = await cluster.userKubeconfig(`system:node:${NODE_NAME}`, ['system:nodes']);
  const flags = [
    `--config=${path('kubelet.json')}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${NODE_NAME}`,
    `--node-ip=${machine.nodeAddress}`,
  ];
  return new Component({
    name: 'kubelet',
    command: onMachine(machine.connection.pid, [program, ...flags]),
    env: { PATH: NODE_PATH, TMPDIR: machine.dir },
    logPath: path('kubelet.log'),
    ready: async () => {
      const condition = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
      return (await cluster.kubectl(['get', 'node', NODE_NAME, '-o', condition])).stdout === 'True';
    },
    readyTimeoutMs: 60_000,
  });
}

function configuration({ cgroup, nodeAddress }: Machine, path: (name: string) => string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: path('client-ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    // Version 1 is on its way out, and many machines have no other.
    failCgroupV1: false,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    enforceNodeAllocatable: [],
    // The disk is this machine's, however full it is.
    evictionHard: {},
    localStorageCapacityIsolation: false,
    imageGCHighThresholdPercent: 100,
    failSwapOn: false,
    readOnlyPort: 0,
    resolvConf: path('resolv.conf'),
  };
}
