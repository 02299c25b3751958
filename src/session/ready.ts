import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PRIVATE, removeFile, writeWhole } from './files.ts';
import type { Places } from './places.ts';

type PrivatePlace = Pick<Places, 'private'>;

/** The file by which the session tells the hook that the application may start. */
export const READY_FILE = 'ready';

/**
 * Says that this process is ready, by a name that no other process ever has: its number and when it started. A file that
 * a killed process left does not count, however early the hook of the next one looks.
 *
 * @throws Fault `SessionFilesFailed`
 */
export async function setReady(places: PrivatePlace): Promise<void> {
  await writeWhole(join(places.private, READY_FILE), `${process.pid} ${startOf(process.pid) ?? ''}`, PRIVATE);
}

/** @throws Fault `SessionFilesFailed` */
export function clearReady(places: PrivatePlace): void {
  removeFile(join(places.private, READY_FILE));
}

/** Whether the process that said so is still there. */
export function isReady(places: PrivatePlace): boolean {
  try {
    const [pid = '', start] = readFileSync(join(places.private, READY_FILE), 'utf8').split(' ');
    return /^[0-9]+$/.test(pid) && start !== undefined && startOf(Number(pid)) === start;
  } catch {
    return false;
  }
}

/** When a process started, in clock ticks since boot: field 22 of /proc/PID/stat (proc_pid_stat(5)). */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
