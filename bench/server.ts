import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../test/cluster/ports.ts';

/** How a server is started. */
export interface Program {
  readonly name: string;
  /** Options of Node, the program, and what comes after it. */
  args(port: number, probePort: number): readonly string[];
  /** Where its standard output goes: an open file, or nowhere. */
  readonly stdout: number | 'ignore';
}

/** A server that answers on loopback. */
export interface Running {
  readonly name: string;
  readonly port: number;
  readonly probePort: number;
  /** Milliseconds from its start until `/readyz` said yes. */
  readonly readyMs: number;
  /** Microseconds of CPU it has used so far, all threads together. */
  cpu(): number;
  /** Bytes of memory it holds. */
  resident(): number;
  stop(): Promise<void>;
}

const PATIENCE_MS = 30_000;

/** Everything that was started and has not ended; none of it outlives this process. */
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** Starts a server and waits until it is ready. */
export async function start(program: Program): Promise<Running> {
  const [port, probePort] = await freePorts(['127.0.0.1', '127.0.0.1']);
  const began = performance.now();
  const child = spawn(process.execPath, program.args(port, probePort), {
    stdio: ['ignore', program.stdout, 'inherit'],
  });
  children.add(child);
  const ended = once(child, 'exit').then(() => children.delete(child));
  const readyMs = await untilReady(program.name, child, probePort, began);
  const proc = `/proc/${child.pid}`;
  return {
    name: program.name,
    port,
    probePort,
    readyMs,
    cpu: () => cpuOf(readFileSync(`${proc}/stat`, 'utf8')),
    resident: () => 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1]),
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function untilReady(name: string, child: ChildProcess, probePort: number, began: number): Promise<number> {
  for (;;) {
    const ready = await isReady(probePort);
    const elapsed = performance.now() - began;
    if (ready) return elapsed;
    if (child.exitCode !== null || elapsed > PATIENCE_MS) throw new Error(`${name} did not become ready`);
    await sleep(2);
  }
}

function isReady(probePort: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get({ host: '127.0.0.1', port: probePort, path: '/readyz', agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  }).on('error', () => resolve(false));
  return promise;
}

/** User and system time are fields 14 and 15 of proc_pid_stat(5), in hundredths of a second; field 2 may hold spaces. */
function cpuOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
