/** What ends things that took too long; `apiFailure` has words for it. */
function timedOut(): DOMException {
  return new DOMException('The operation was aborted due to timeout', 'TimeoutError');
}

/** A signal that is given at a point in time, which may be put off. Unlike `AbortSignal.timeout` it can be dropped. */
export class Deadline {
  readonly #controller = new AbortController();
  #at = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param at in milliseconds since the epoch */
  constructor(at: number) {
    this.putOff(at);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Not before `at`; an earlier time changes nothing. */
  putOff(at: number): void {
    if (at <= this.#at) return;
    this.#at = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(timedOut()), Math.max(0, at - Date.now()));
  }

  /** Whoever had until `at` waits no longer: it is given now, unless somebody has more time. */
  expire(at: number): void {
    if (this.#at > at) return;
    clearTimeout(this.#timer);
    this.#controller.abort(timedOut());
  }

  /** It is not needed any more. */
  drop(): void {
    clearTimeout(this.#timer);
  }
}

/** The value of a promise, if it is there by a deadline; then without effect on what makes it. */
export async function by<Value>(at: number, value: Promise<Value>): Promise<Value> {
  const deadline = new Deadline(at);
  const late = Promise.withResolvers<never>();
  deadline.signal.addEventListener('abort', () => late.reject(deadline.signal.reason as Error), { once: true });
  try {
    return await Promise.race([value, late.promise]);
  } finally {
    deadline.drop();
  }
}
