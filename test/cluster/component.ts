import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Hopeless, until } from './until.ts';

const running = new Set<ChildProcess>();

// Covers every end of this process at which it can still run code; `dieWithParent` covers the others where it can.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

let deathSignal: boolean | undefined;

/** Prefixes a command so that the kernel kills it when this process dies, however it dies. Linux only. */
function dieWithParent(command: readonly string[]): readonly string[] {
  deathSignal ??= spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
  return deathSignal ? ['setpriv', '--pdeathsig', 'KILL', '--', ...command] : command;
}

export interface ComponentOptions {
  /** How errors call it; the program's name when not given. */
  readonly name?: string;
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logPath: string;
  /** Whether it does its work; throwing means no. */
  readonly ready: () => Promise<boolean>;
  readonly readyTimeoutMs: number;
}

/** One program of the control plane as a child process. It can be stopped and started again. */
export class Component {
  readonly name: string;
  readonly #options: ComponentOptions;
  #child: ChildProcess | undefined;

  constructor(options: ComponentOptions) {
    this.name = options.name ?? basename(options.command[0] ?? '');
    this.#options = options;
  }

  /** Of the process while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it and waits until it is ready; an error carries the end of its log. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} is running already`);
    const { command, env, logPath, ready, readyTimeoutMs } = this.#options;
    const [file = '', ...args] = dieWithParent(command);
    const log = openSync(logPath, 'a');
    const child = spawn(file, args, { env, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    running.add(child);
    let ended = '';
    child.once('error', (error) => {
      ended ||= `did not start: ${error.message}`;
      this.#forget(child);
    });
    child.once('exit', (code, signal) => {
      ended ||= `ended (${signal ?? code})`;
      this.#forget(child);
    });
    try {
      await until(
        `${this.name} is ready`,
        async () => {
          if (ended !== '') throw new Hopeless(new Error(`${this.name} ${ended}`));
          return ready();
        },
        { timeoutMs: readyTimeoutMs },
      );
    } catch (error) {
      throw new Error(`${this.name} did not become ready. The end of its log:\n${this.logTail()}`, { cause: error });
    }
  }

  /** Asks it to end, and insists after `graceMs`. Resolves when the process is gone. */
  async stop(graceMs = 2_000): Promise<void> {
    const child = this.#child;
    const insist = setTimeout(() => child?.kill('SIGKILL'), graceMs);
    await this.#end('SIGTERM');
    clearTimeout(insist);
  }

  /** Ends it at once, as a node that dies does. Resolves when the process is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** The last lines it wrote. */
  logTail(lines = 30): string {
    if (!existsSync(this.#options.logPath)) return '(nothing)';
    return readFileSync(this.#options.logPath, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await gone;
  }

  #forget(child: ChildProcess): void {
    running.delete(child);
    if (this.#child === child) this.#child = undefined;
  }
}
