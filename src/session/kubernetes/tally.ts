import type { Log } from '../log.ts';

/** A line at most as often, in milliseconds: an agent that tries in a loop must not fill the node's disk. */
const LINE_EVERY_MS = 60_000;

/** Counts by kind, and tells of them now and then. Kinds come from a fixed set. */
export class Tally {
  readonly #message: string;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #total = new Map<string, number>();
  #untold: Record<string, number> = {};
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(message: string, log: Log, now: () => number = () => performance.now()) {
    this.#message = message;
    this.#log = log;
    this.#now = now;
  }

  /** Counts one of each; the first is told at once, later ones together. */
  add(kinds: readonly string[]): void {
    if (kinds.length === 0) return;
    for (const kind of kinds) {
      this.#total.set(kind, (this.#total.get(kind) ?? 0) + 1);
      this.#untold[kind] = (this.#untold[kind] ?? 0) + 1;
    }
    if (this.#now() - this.#toldAt >= LINE_EVERY_MS) this.tell();
  }

  /** Tells what has not been told. */
  tell(): void {
    if (Object.keys(this.#untold).length === 0) return;
    this.#log.warn({ counts: this.#untold }, this.#message);
    this.#untold = {};
    this.#toldAt = this.#now();
  }

  /** All that was counted, by kind. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#total);
  }
}
