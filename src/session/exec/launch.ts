import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { ExecArguments } from './arguments.ts';

type Command = Pick<ExecArguments, 'command' | 'commandArguments'>;

/** Signals that ask a program to end, or to do something, and that reach us alone when somebody sends one. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** Keys of a terminal, which sends them to all of its foreground at once, and so to the command as well. */
const KEYS = ['SIGINT', 'SIGQUIT'] as const;

type Forwarded = (typeof FORWARDED)[number] | (typeof KEYS)[number];

/**
 * Signals, from the start of this program to the end of the command. Before there is a command they end the program,
 * with what it has made cleared away; from then on they are the command's.
 */
export class Signals {
  #child: { kill(signal: NodeJS.Signals): boolean } | undefined;
  readonly #onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;

  constructor() {
    for (const signal of [...FORWARDED, ...KEYS]) process.on(signal, () => this.#came(signal));
  }

  /** From now on. */
  passTo(child: { kill(signal: NodeJS.Signals): boolean }): void {
    this.#child = child;
  }

  #came(signal: Forwarded): void {
    if (this.#child === undefined) process.exit(statusOf(null, signal));
    // Sent on, one press of ctrl-C would arrive twice, which many programs take for impatience.
    const arrivedByItself = this.#onTerminal && (signal === 'SIGINT' || signal === 'SIGQUIT');
    if (!arrivedByItself) this.#child.kill(signal);
  }
}

/**
 * Runs the command with our terminal, input and output, and waits for its end.
 *
 * @param env undefined for our own, as it is
 * @returns the exit status: the command's, or 128 and the signal's number when a signal ended it
 * @throws Error with the code of the system, such as `ENOENT`, when it cannot be started
 */
export async function launch(
  { command, commandArguments }: Command,
  signals: Signals,
  env?: Readonly<Record<string, string>>,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn(command, commandArguments, { stdio: 'inherit', ...(env !== undefined && { env }) });
  child.on('error', reject);
  child.on('exit', (code, signal) => resolve(statusOf(code, signal)));
  signals.passTo(child);
  return promise;
}

/** As shells count (POSIX, "Exit Status for Commands"). */
function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** As `env` does it: 127 when there is no such command, 126 when it cannot be run. */
export function statusOfFailedStart(thrown: unknown): number {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT' ? 127 : 126;
}
