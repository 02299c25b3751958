import { Fault, reasonOf } from '../errors.ts';
import type { Log } from './log.ts';
import type { Source } from './source.ts';
import type { TemporaryCredentials } from './sts/credentials.ts';

export interface Renewal {
  readonly source: Source;
  /** Lifetime asked for; credentials are renewed when half of it is left. */
  readonly durationSeconds: number;
  readonly log: Log;
  /** Called with new ones, for a restart. They are served even when they cannot be kept. */
  readonly keep: (credentials: TemporaryCredentials) => Promise<void>;
}

/** How long one renewal may take, attempts and pauses together. */
const RENEWAL_MS = 20_000;
/** Pause after the first renewal that failed; it doubles up to the longest. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;
/** Part of the lifetime by which renewals are spread, so that the pods of one rollout do not come at once. */
const SPREAD = 0.05;
/** JavaScript clients give up after a second. */
const PATIENCE_MS = 800;

/**
 * A session's credentials, renewed at half of their life: no client ever sees ones with little time left, and a session
 * that ends leaves little behind. While STS is away the old ones serve until they expire.
 */
export class RenewedCredentials {
  readonly #renewal: Renewal;
  #credentials: TemporaryCredentials;
  #renewAt: number;
  #failures = 0;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(first: TemporaryCredentials, renewal: Renewal) {
    this.#renewal = renewal;
    this.#credentials = first;
    this.#renewAt = this.#halfLife();
    this.#schedule();
  }

  /** The credentials, or undefined once they have expired. */
  current(): TemporaryCredentials | undefined {
    // A machine that slept has missed its timers.
    if (Date.now() >= this.#renewAt) this.#renew();
    return this.#credentials.expiration.getTime() > Date.now() ? this.#credentials : undefined;
  }

  /** The same, after waiting a moment for a renewal that is under way. */
  async soon(): Promise<TemporaryCredentials | undefined> {
    const current = this.current();
    if (current !== undefined || this.#running === undefined) return current;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, PATIENCE_MS);
    await Promise.race([this.#running, promise]);
    clearTimeout(timer);
    return this.current();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #halfLife(): number {
    const life = this.#renewal.durationSeconds * 1000;
    return this.#credentials.expiration.getTime() - life * (0.5 + SPREAD * Math.random());
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => this.#renew(), Math.max(0, this.#renewAt - Date.now()));
  }

  /** One at a time: whoever comes meanwhile waits for the same. */
  #renew(): void {
    if (this.#stopped) return;
    this.#running ??= this.#renewed().finally(() => {
      this.#running = undefined;
      this.#schedule();
    });
  }

  async #renewed(): Promise<void> {
    const { source, keep, log } = this.#renewal;
    try {
      const credentials = await source(AbortSignal.timeout(RENEWAL_MS));
      this.#credentials = credentials;
      this.#failures = 0;
      this.#renewAt = this.#halfLife();
      log.info({ expires: credentials.expiration.toISOString() }, 'credentials renewed');
      await keep(credentials).catch((thrown: unknown) => {
        log.warn({ reason: reasonOf(thrown) }, 'credentials could not be kept for a restart');
      });
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #failed(thrown: unknown): void {
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#renewAt = Date.now() + longest * (0.5 + Math.random() / 2);
    const expires = this.#credentials.expiration.toISOString();
    const code = thrown instanceof Fault ? thrown.code : undefined;
    this.#renewal.log.warn({ code, reason: reasonOf(thrown), expires }, 'credentials could not be renewed');
  }
}
