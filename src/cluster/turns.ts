/** Lets so many go on at a time; the others wait in the order in which they came. */
export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(most: number) {
    this.#free = most;
  }

  /**
   * Runs it when its turn comes.
   *
   * @throws the signal's reason when that comes first, and whatever `run` throws
   */
  async take<Result>(signal: AbortSignal, run: () => Promise<Result>): Promise<Result> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    try {
      return await run();
    } finally {
      this.#pass();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      this.#waiting.delete(go);
      reject(signal.reason as Error);
    };
    const go = () => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#waiting.add(go);
    return promise;
  }

  #pass(): void {
    const [go] = this.#waiting;
    if (go === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(go);
    go();
  }
}
