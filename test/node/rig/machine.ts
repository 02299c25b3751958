import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Component } from '../../cluster/component.ts';
import { makeCgroup, removeCgroup } from './cgroups.ts';
import { NODE_PATH } from './prerequisites.ts';

/*
 * A machine inside this one: network, mounts and processes of its own. When its first process ends, however that comes
 * about, the kernel ends all others and takes down mounts, bridge, addresses and firewall rules. What remains are empty
 * cgroups and a directory; whoever comes next removes those of a run that was killed.
 *
 *     this machine  ── veth ──  node  ── bridge ──  pods
 *     198.18.N.1                198.18.N.2          198.19.0.0/24, only inside
 *
 * 198.18.0.0/15 is for tests of networks (RFC 2544), so that it is nobody's.
 */

const PREFIX = 'countersign-node-';

/** `--kill-child` ties the first process to `unshare`, which `Component` ties to this process. */
const UNSHARE = 'unshare --net --mount --propagation=private --pid --mount-proc --uts --fork --kill-child --'.split(
  ' ',
);

export const POD_SUBNET = '198.19.0.0/24';

/** What another process needs to do something on the node. */
export interface MachineConnection {
  /** The address of this machine that pods reach: servers of tests listen on it. */
  readonly address: string;
  /** Of the node's first process. */
  readonly pid: number;
}

/** Puts a command onto the node. */
export function onMachine(pid: number, command: readonly string[]): string[] {
  const enter = ['nsenter', `--target=${pid}`, '--net', '--mount', '--pid', '--uts', '--'];
  // nsenter stays outside and waits: without this, what it started would go on when it is killed.
  return [...enter, 'setpriv', '--pdeathsig', 'KILL', '--', ...command];
}

/** Runs a command on the node and waits for it. */
export function runOnMachine({ pid }: { readonly pid: number }, command: readonly string[], input = ''): string {
  const [program = '', ...args] = onMachine(pid, command);
  return checked(
    command,
    spawnSync(program, args, { encoding: 'utf8', env: { PATH: NODE_PATH }, timeout: 60_000, input }),
  );
}

export class Machine {
  readonly dir: string;
  /** The cgroup of its pods. */
  readonly cgroup: string;
  readonly address: string;
  readonly nodeAddress: string;
  readonly #link: string;
  readonly #first: Component;
  #pid = 0;

  private constructor(dir: string) {
    const number = freeNumber();
    this.dir = dir;
    this.cgroup = `${PREFIX}${process.pid}`;
    this.address = `198.18.${number}.1`;
    this.nodeAddress = `198.18.${number}.2`;
    this.#link = `csn${process.pid}`;
    this.#first = new Component({
      name: 'the node’s first process',
      command: [...UNSHARE, 'sleep', 'infinity'],
      env: { PATH: NODE_PATH },
      logPath: join(dir, 'first.log'),
      ready: async () => this.#findPid(),
      readyTimeoutMs: 10_000,
    });
  }

  static async start(): Promise<Machine> {
    await sweep();
    const machine = new Machine(mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`)));
    try {
      await machine.#start();
    } catch (error) {
      await machine.close();
      throw error;
    }
    return machine;
  }

  get connection(): MachineConnection {
    return { address: this.address, pid: this.#pid };
  }

  run(...command: readonly string[]): string {
    return runOnMachine({ pid: this.#pid }, command);
  }

  async close(): Promise<void> {
    await this.#first.kill();
    await removeCgroup(this.cgroup);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start(): Promise<void> {
    await this.#first.start();
    makeCgroup(this.cgroup);
    here('ip', 'link', 'add', this.#link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(this.#pid));
    here('ip', 'address', 'add', `${this.address}/30`, 'dev', this.#link);
    here('ip', 'link', 'set', this.#link, 'up');
    this.run('ip', 'address', 'add', `${this.nodeAddress}/30`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) this.run('ip', 'link', 'set', device, 'up');
    // What kubelet, containerd and the plugins keep at fixed places stays inside, and is not this machine's.
    for (const path of ['/run', '/var/lib', '/var/log']) this.run('mount', '-t', 'tmpfs', 'node', path);
    // Volumes and images are on the disk: overlays and large files do not belong into memory.
    for (const name of ['kubelet', 'containerd']) {
      mkdirSync(join(this.dir, name));
      this.run('mkdir', `/var/lib/${name}`);
      this.run('mount', '--bind', join(this.dir, name), `/var/lib/${name}`);
    }
  }

  /** The first process is the only child of `unshare`. */
  #findPid(): boolean {
    const { pid } = this.#first;
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    if (child === undefined || child === '' || !readFileSync(`/proc/${child}/comm`, 'utf8').startsWith('sleep'))
      return false;
    this.#pid = Number(child);
    return true;
  }
}

/** Of a network that no other node here has. */
function freeNumber(): number {
  const taken = here('ip', '-oneline', 'address', 'show');
  const numbers = Array.from({ length: 256 }, (_, index) => (process.pid + index) % 256);
  const free = numbers.find((number) => !taken.includes(` 198.18.${number}.`));
  if (free === undefined) throw new Error('198.18.0.0/16 is taken. Next: see with "ip address" what is still running.');
  return free;
}

/** Removes what runs left that were killed. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await removeCgroup(`${PREFIX}${pid}`);
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function here(...command: readonly [string, ...string[]]): string {
  const [program, ...args] = command;
  return checked(command, spawnSync(program, args, { encoding: 'utf8', env: { PATH: NODE_PATH }, timeout: 10_000 }));
}

function checked(command: readonly string[], { status, stdout, stderr, error }: SpawnSyncReturns<string>): string {
  if (status !== 0) throw new Error(`${command.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
