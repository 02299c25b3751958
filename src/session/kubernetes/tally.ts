import type { Log } from '../log.ts';

/** A line at most as often, in milliseconds: an agent that tries in a loop must not fill the node's disk. */
const LINE_EVERY_MS = 60_000;

/** Counts by kind, and tells of them now and then. Kinds come from a fixed set. */
export class Tally {
  readonly #message: string;
  readonly #log: Log;
  readonly #everyMs: number;
  readonly #total = new Map<string, number>();
  #untold: Record<string, number> = {};
  #quiet: NodeJS.Timeout | undefined;

  constructor(message: string, log: Log, everyMs: number = LINE_EVERY_MS) {
    this.#message = message;
    this.#log = log;
    this.#everyMs = everyMs;
  }

  /** Counts one of each; the first is told at once, those soon after it together. */
  add(kinds: readonly string[]): void {
    if (kinds.length === 0) return;
    for (const kind of kinds) {
      this.#total.set(kind, (this.#total.get(kind) ?? 0) + 1);
      this.#untold[kind] = (this.#untold[kind] ?? 0) + 1;
    }
    if (this.#quiet === undefined) this.#tell();
  }

  /** All that was counted, by kind. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#total);
  }

  /** Tells what has not been told, for the last time. */
  end(): void {
    if (Object.keys(this.#untold).length > 0) this.#tell();
    clearTimeout(this.#quiet);
  }

  #tell(): void {
    this.#log.warn({ counts: this.#untold }, this.#message);
    this.#untold = {};
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined;
      if (Object.keys(this.#untold).length > 0) this.#tell();
    }, this.#everyMs).unref();
  }
}
