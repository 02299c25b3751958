import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { Fault, reasonOf } from '../errors.ts';
import type { Places } from './places.ts';

/** EX_CONFIG of sysexits.h: what is wrong must be put right outside; another try alone does not help. */
const EXIT_FAILED = 78;

/** kubelet keeps the first 4,096 bytes of a termination message. */
const MAX_LENGTH = 4_000;

/**
 * Ends the process, and says in one line why: on standard error, and in the termination log, which is what
 * `kubectl describe pod` shows.
 *
 * @param places undefined outside Kubernetes
 */
export function fail(thrown: unknown, places: Pick<Places, 'terminationLog'> | undefined): never {
  const line = lineOf(thrown);
  if (places?.terminationLog !== undefined) writeExisting(places.terminationLog, line);
  try {
    writeSync(2, line);
  } catch {
    // Nobody reads it.
  }
  process.exit(EXIT_FAILED);
}

function lineOf(thrown: unknown): string {
  const known = thrown instanceof Fault;
  const reason = reasonOf(thrown).replace(/\s+/g, ' ').slice(0, MAX_LENGTH);
  return known
    ? `countersign: [${thrown.code}] ${reason}\n`
    : `countersign: [Unexpected] ${reason}. Next: this is a mistake in Countersign; please report it\n`;
}

/** kubelet makes the file; where there is none, nobody would read it. */
function writeExisting(path: string, line: string): void {
  try {
    const file = openSync(path, constants.O_WRONLY | constants.O_TRUNC);
    writeSync(file, line);
    closeSync(file);
  } catch {
    // The line on standard error remains.
  }
}
