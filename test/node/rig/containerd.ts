import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Component } from '../../cluster/component.ts';
import { type Machine, onMachine, POD_SUBNET } from './machine.ts';
import { cniDirectory, NODE_PATH } from './prerequisites.ts';

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

/** What each pod has besides its containers; it does nothing. */
export const PAUSE_IMAGE = 'docker.io/library/pause:test';

/** containerd on the node, with a network of its own for pods. */
export function containerd(machine: Machine): Component {
  const cni = join(machine.dir, 'cni');
  mkdirSync(cni);
  writeFileSync(join(cni, '10-pods.conflist'), JSON.stringify(network));
  const config = join(machine.dir, 'containerd.toml');
  writeFileSync(config, configuration(cni));
  return new Component({
    name: 'containerd',
    command: onMachine(machine.connection.pid, ['containerd', `--config=${config}`]),
    env: { PATH: NODE_PATH, TMPDIR: machine.dir },
    logPath: join(machine.dir, 'containerd.log'),
    ready: async () => machine.run('ctr', 'version').includes('Server:'),
    readyTimeoutMs: 30_000,
  });
}

const network = {
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'pods0',
      isGateway: true,
      // So that what pods send to this machine comes from an address that it knows the way back to.
      ipMasq: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: POD_SUBNET }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
};

/** Version 2 is what Debian's containerd 1.6 reads, and later ones still do. */
function configuration(cni: string): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE_IMAGE}"
# Without CAP_SYS_RESOURCE runc cannot lower a score, and says only "can't get final child's PID".
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${cniDirectory()}"
conf_dir = "${cni}"
`;
}
