/** Bounds of what the server takes on at once. */
export interface LoadLimits {
  /** Reviews being read or decided. An API server sends 200 mutating requests at once by default. */
  readonly reviews: number;
  /** Bytes of their bodies together. */
  readonly bytes: number;
}

export const DEFAULT_LIMITS: LoadLimits = { reviews: 1024, bytes: 64 * 1024 * 1024 };

/**
 * Largest body. An API server takes requests of 3 MiB, and writes `<`, `>` and `&` as six characters in a review: a limit
 * below that would let a pod of such characters pass a webhook whose failures are ignored.
 */
export const BODY_LIMIT = 20 * 1024 * 1024;

/** Three characters make an object, so that an API server's largest request holds no more of them than this. */
const MOST_OBJECTS = 1024 * 1024 + 100_000;

/**
 * Whether a text holds more objects and lists than any review can. Each takes some sixty bytes in memory, so that a body
 * of nothing else would end the process of whoever parses it.
 */
export function isOverfull(json: string): boolean {
  // Shorter than that it need not be looked at.
  if (json.length <= MOST_OBJECTS) return false;
  let objects = 0;
  let inString = false;
  for (let index = 0; index < json.length; index += 1) {
    const code = json.charCodeAt(index);
    if (code === QUOTE) inString = !inString;
    else if (inString && code === BACKSLASH) index += 1;
    else if (!inString && (code === BRACE || code === BRACKET)) objects += 1;
  }
  return objects > MOST_OBJECTS;
}

const [QUOTE, BACKSLASH, BRACE, BRACKET] = [0x22, 0x5c, 0x7b, 0x5b];

/**
 * Counts what is in flight. Past the bounds a request is turned away at once: an answer that says "too much" lets the
 * API server's client try again, where a queue without end would take every review down with it.
 */
export class Load {
  readonly #limits: LoadLimits;
  #reviews = 0;
  #bytes = 0;

  constructor(limits: LoadLimits) {
    this.#limits = limits;
  }

  get reviews(): number {
    return this.#reviews;
  }

  /**
   * Takes a review on, or answers undefined.
   *
   * @param length the request's Content-Length; a body without one counts as the largest
   * @returns what is to be called once, when the review is over
   */
  enter(length: number | undefined): (() => void) | undefined {
    const bytes = Math.min(length ?? BODY_LIMIT, BODY_LIMIT);
    if (this.#reviews >= this.#limits.reviews || this.#bytes + bytes > this.#limits.bytes) return undefined;
    this.#reviews += 1;
    this.#bytes += bytes;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#reviews -= 1;
      this.#bytes -= bytes;
    };
  }
}
