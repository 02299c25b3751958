import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian puts programs for administrators; a user's PATH may not hold them. */
export const NODE_PATH = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;

/** Programs of the machine that make a node of it. kubelet and its like are built with Go, as for the cluster tests. */
const PROGRAMS = ['containerd', 'ctr', 'runc', 'iptables', 'ip', 'busybox', 'unshare', 'nsenter', 'setpriv', 'tar'];
const DEBIAN = 'containerd runc containernetworking-plugins iptables iproute2 busybox-static util-linux';

/** Debian's directory, and the one that everybody else uses. */
const CNI_DIRECTORIES = ['/usr/lib/cni', '/opt/cni/bin'];
const CNI_PLUGINS = ['bridge', 'host-local', 'loopback'];

/** The directory with the network plugins. */
export function cniDirectory(): string | undefined {
  return CNI_DIRECTORIES.find((dir) => CNI_PLUGINS.every((plugin) => existsSync(join(dir, plugin))));
}

export function find(program: string): string | undefined {
  const paths = NODE_PATH.split(delimiter).map((dir) => join(dir, program));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why no node can run here, if so. */
export function whyNoNode(): string | undefined {
  if (process.platform !== 'linux') return 'nodes run on Linux';
  if (process.getuid?.() !== 0) return 'only root can run a node';
  const missing = PROGRAMS.filter((program) => find(program) === undefined);
  if (cniDirectory() === undefined) missing.push(`CNI plugins in ${CNI_DIRECTORIES.join(' or ')}`);
  if (missing.length > 0) return `missing: ${missing.join(', ')} (Debian: apt-get install ${DEBIAN})`;
  const busybox = find('busybox') ?? '';
  // ldd fails for what is linked statically. A container has no libraries for the other kind.
  if (spawnSync('ldd', [busybox]).status === 0) return `${busybox} is not linked statically (Debian: busybox-static)`;
  const { status, stderr } = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', 'true'], {
    encoding: 'utf8',
    env: { PATH: NODE_PATH },
  });
  return status === 0 ? undefined : `no namespaces can be made here: ${stderr.trim()}`;
}
