import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** A process that was started for a measurement, and what the kernel knows of it. */
export interface Child {
  readonly process: ChildProcess;
  /** Microseconds of CPU it has used so far, all threads together. */
  cpu(): number;
  /** Bytes of memory it holds, its part of shared files included. */
  resident(): number;
  /** Bytes of memory that are its own: what a further process of the same program adds to a machine. */
  anonymous(): number;
  /** Whether it has ended. */
  ended(): boolean;
  stop(): Promise<void>;
}

/** After a request to end, before it is killed. */
const PATIENCE_MS = 30_000;

/** Everything that was started and has not ended; none of it outlives this process. */
const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

export function startChild(command: string, args: readonly string[], options: SpawnOptions): Child {
  const child = spawn(command, args, options);
  children.add(child);
  const ended = once(child, 'exit').finally(() => children.delete(child));
  // Whoever waits for something else than its end is told by `ended()`.
  ended.catch(() => {});
  const proc = `/proc/${child.pid}`;
  const status = (field: string): number =>
    1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`${proc}/status`, 'utf8'))?.[1]);
  return {
    process: child,
    cpu: () => cpuOf(readFileSync(`${proc}/stat`, 'utf8')),
    resident: () => status('VmRSS'),
    anonymous: () => status('RssAnon'),
    ended: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** User and system time are fields 14 and 15 of proc_pid_stat(5), in hundredths of a second; field 2 may hold spaces. */
function cpuOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
