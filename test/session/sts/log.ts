/** A list that only grows, and on which a test can wait instead of asking again and again. */
export class Log<Entry> {
  readonly #entries: Entry[] = [];
  readonly #waiting = new Set<(entry: Entry) => void>();

  get all(): readonly Entry[] {
    return this.#entries;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    for (const told of this.#waiting) told(entry);
  }

  /** The first entry from now on for which this holds. */
  next(fits: (entry: Entry) => boolean = () => true): Promise<Entry> {
    return new Promise((resolve) => {
      const told = (entry: Entry) => {
        if (!fits(entry)) return;
        this.#waiting.delete(told);
        resolve(entry);
      };
      this.#waiting.add(told);
    });
  }
}
