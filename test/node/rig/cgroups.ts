import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../cluster/until.ts';

/** Where cgroups of a version are mounted: version 1 has a hierarchy for each controller, version 2 one for all. */
function hierarchies(type: 'cgroup' | 'cgroup2'): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  return mounts.filter((fields) => fields[2] === type).map((fields) => fields[1] ?? '');
}

/** Makes the cgroup under which a node keeps those of its pods. */
export function makeCgroup(name: string): void {
  const first = hierarchies('cgroup');
  for (const root of first) mkdirSync(join(root, name), { recursive: true });
  // With controllers in both, nothing but names of processes is in version 2.
  if (first.length > 0) return;
  for (const root of hierarchies('cgroup2')) {
    const controllers = readFileSync(join(root, 'cgroup.controllers'), 'utf8').trim().split(' ');
    const enable = controllers.map((controller) => `+${controller}`).join(' ');
    mkdirSync(join(root, name), { recursive: true });
    for (const parent of [root, join(root, name)]) writeFileSync(join(parent, 'cgroup.subtree_control'), enable);
  }
}

/** Takes it away again, with everything below. Its processes are about to end, and until then it cannot go. */
export async function removeCgroup(name: string): Promise<void> {
  for (const root of [...hierarchies('cgroup'), ...hierarchies('cgroup2')]) {
    await until(`${join(root, name)} is gone`, () => {
      remove(join(root, name));
      return true;
    });
  }
}

/** A cgroup's files are not removed: its directory is, once it has no child. */
function remove(dir: string): void {
  if (!existsSync(dir)) return;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) remove(join(dir, entry.name));
  }
  rmdirSync(dir);
}
