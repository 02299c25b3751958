import { setTimeout as pause } from 'node:timers/promises';
import { reasonOf } from '../errors.ts';

/** A failure that may pass by itself: the other side is away, busy or broken. */
export class PassingFailure extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'PassingFailure';
  }
}

/** An answer takes some tens of milliseconds; a connection that hangs so long is better made anew. */
const ATTEMPT_MS = 3_000;
const ATTEMPTS = 10;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Tries until it works, fails for good, or time or attempts are used up. The pauses double and have full jitter, so
 * that the pods of a node that comes back do not ask all at once, again and again.
 *
 * @param attempt is given the signal that ends this attempt; throws {@link PassingFailure} for what is worth another
 * @param deadline ends it all
 * @throws PassingFailure the last one, when nothing helped; anything else that an attempt throws, at once
 */
export async function retrying<Result>(
  attempt: (signal: AbortSignal) => Promise<Result>,
  deadline: AbortSignal,
): Promise<Result> {
  let reason: PassingFailure | undefined;
  for (let tries = 1; ; tries += 1) {
    const patience = AbortSignal.timeout(ATTEMPT_MS);
    try {
      return await attempt(AbortSignal.any([deadline, patience]));
    } catch (thrown) {
      if (!(thrown instanceof PassingFailure)) throw thrown;
      // An attempt that the deadline cut short tells less than the one before it.
      if (reason === undefined || !deadline.aborted) reason = thrown;
      if (tries === ATTEMPTS || !(await waited(tries, deadline))) throw after(tries, reason);
    }
  }
}

/** @returns whether there is time left for another attempt */
async function waited(tries: number, deadline: AbortSignal): Promise<boolean> {
  const longest = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
  await pause(Math.random() * longest, undefined, { signal: deadline }).catch(() => undefined);
  return !deadline.aborted;
}

function after(tries: number, last: PassingFailure): PassingFailure {
  return new PassingFailure(`${last.message} (${tries === 1 ? 'one attempt' : `${tries} attempts`})`, { cause: last });
}

/** What the network said, in words: a signal that ended an attempt has only its own name. */
export function networkReason(thrown: unknown): string {
  if (thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError')) {
    return 'no answer in time';
  }
  // Several addresses, all refused: the reasons stand inside.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return thrown.errors.map(reasonOf).join(', ');
  return reasonOf(thrown);
}
