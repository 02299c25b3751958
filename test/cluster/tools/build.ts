import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const kubernetesVersion = '1.36.3';

/** The programs that go.mod and etcd/go.mod beside this file can build. */
export type Tool = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kubelet' | 'kubectl';

/** The path of each program asked for, or why they cannot be had here. */
export type Tools<T extends Tool> = Readonly<Record<T, string>> | { readonly unavailable: string };

const here = import.meta.dirname;
const moduleFiles = ['go.mod', 'go.sum', 'etcd/go.mod', 'etcd/go.sum'];
const [major, minor] = kubernetesVersion.split('.');
const version = 'k8s.io/component-base/version';
// Without a version kubectl refuses to talk to the server: it cannot parse the one that an unstamped build reports.
const stamp = `-X ${version}.gitVersion=v${kubernetesVersion} -X ${version}.gitMajor=${major} -X ${version}.gitMinor=${minor}`;
// The last two, like GOWORK below, keep out what surrounds the build: vendoring, this repository's history, a go.work.
const flags = ['-trimpath', '-ldflags', `-s -w ${stamp}`, '-mod=readonly', '-buildvcs=false'];
const environment = () => ({ ...process.env, CGO_ENABLED: '0', GOWORK: 'off' });

/**
 * Finds each program in `KUBEBUILDER_ASSETS` (the convention of controller-runtime's envtest) or in the cache, or else
 * builds it there with Go, which takes minutes once.
 */
export async function findTools<T extends Tool>(
  names: readonly T[],
  log: (line: string) => void = console.log,
): Promise<Tools<T>> {
  const cache = cacheDirectory();
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const found = new Map<T, string>();
  for (const name of names) {
    const path = [assets, cache].map((dir) => dir && join(dir, name)).find((file) => file && isExecutable(file));
    if (path) found.set(name, path);
  }
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    const noGo = whyNoGo();
    if (noGo !== undefined) return { unavailable: `${missing.join(', ')} not found (KUBEBUILDER_ASSETS), and ${noGo}` };
    log(`Building ${missing.join(', ')} from source, once: this takes minutes.`);
    for (const name of missing) found.set(name, await build(name, cache, log));
  }
  return Object.fromEntries(found) as Record<T, string>;
}

/** Named after all that decides what is in it, so that a changed pin or flag builds anew. */
function cacheDirectory(): string {
  const hash = createHash('sha256').update(JSON.stringify([process.platform, process.arch, flags]));
  for (const file of moduleFiles) hash.update(readFileSync(join(here, file)));
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(base, 'countersign', `kube-${kubernetesVersion}-${hash.digest('hex').slice(0, 12)}`);
}

/** Asked inside the module, so that a Go that fetches the toolchain which go.mod wants counts as that one. */
function whyNoGo(): string | undefined {
  const needed = 'Go 1.26 or later is needed to build it';
  const { status, stdout } = spawnSync('go', ['env', 'GOVERSION'], { cwd: here, env: environment(), encoding: 'utf8' });
  const [, goMajor = 0, goMinor = 0] = /^go(\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  if (status === 0 && (Number(goMajor) > 1 || Number(goMinor) >= 26)) return undefined;
  return `${needed} (${status === 0 ? `here: ${stdout.trim()}` : 'there is none here'})`;
}

async function build(name: Tool, directory: string, log: (line: string) => void): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const started = performance.now();
  const path = join(directory, name);
  // Renamed when whole: a build that was killed leaves nothing that looks like a program.
  const unfinished = `${path}.${process.pid}.tmp`;
  const source =
    name === 'etcd'
      ? { cwd: join(here, 'etcd'), package: 'go.etcd.io/etcd/server/v3' }
      : { cwd: here, package: `k8s.io/kubernetes/cmd/${name}` };
  try {
    await run('go', ['build', ...flags, '-o', unfinished, source.package], source.cwd);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
  log(`  ${name}: ${Math.round((performance.now() - started) / 1000)} s`);
  return path;
}

function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: environment(), stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4_000);
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} failed (${code}):\n${output}`)),
    );
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return existsSync(path);
  } catch {
    return false;
  }
}
