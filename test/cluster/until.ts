import { setTimeout as sleep } from 'node:timers/promises';

/** How long `until` tries, and how often. */
export interface Patience {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Waits until `check` returns something other than `undefined` or `false`, and returns it. What `check` throws counts
 * as "not yet"; the last such error is the cause of the one thrown when the time is over.
 */
export async function until<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 15_000, everyMs = 100 }: Patience = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      cause = undefined;
    } catch (error) {
      if (error instanceof Hopeless) throw error.cause;
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause });
    await sleep(everyMs);
  }
}

/** Thrown by a check of `until` to give up at once, with `cause` as the error. */
export class Hopeless extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}
