import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why there is no libfaketime; empty when there is. */
export const noFaketime = find() === undefined ? 'faketime is needed (Debian: faketime)' : '';

/**
 * A time that several processes share and that a test moves on in steps, by libfaketime: their clocks jump, and so do
 * their timers. Between steps it passes as ever.
 */
export class FakeTime implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'countersign-time-'));
  readonly #file = join(this.#directory, 'offset');
  #ahead = 0;

  constructor() {
    this.#write();
  }

  /** Milliseconds since the epoch. */
  readonly now = (): number => Date.now() + this.#ahead * 1000;

  /** Variables that put a process into this time. */
  get environment(): Record<string, string> {
    // Every reading of the clock reads the file: a process that kept an old offset would sign in the past.
    return { LD_PRELOAD: find() ?? '', FAKETIME_TIMESTAMP_FILE: this.#file, FAKETIME_NO_CACHE: '1' };
  }

  advance(seconds: number): void {
    this.#ahead += seconds;
    this.#write();
  }

  /** At once, so that nobody reads half a number. */
  #write(): void {
    const unfinished = `${this.#file}.tmp`;
    writeFileSync(unfinished, `+${this.#ahead}\n`);
    renameSync(unfinished, this.#file);
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
    sweep();
  }
}

const SHARED_MEMORY = '/dev/shm';

/** Removes what processes in a moved time made for themselves and, as they were killed, could not take away. */
function sweep(): void {
  for (const name of existsSync(SHARED_MEMORY) ? readdirSync(SHARED_MEMORY) : []) {
    const [, pid] = /^(?:sem\.)?faketime_(?:sem|shm)_([0-9]+)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(SHARED_MEMORY, name), { force: true });
  }
}

/**
 * The path of the library, as the program `faketime` preloads it. The program fails where a killed process of the same
 * number has left its shared memory, so it is started again, with the next number.
 */
function find(tries = 3): string | undefined {
  try {
    return execFileSync('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch (thrown) {
    const missing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
    return missing || tries === 1 ? undefined : find(tries - 1);
  }
}
