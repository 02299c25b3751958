import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Fault } from '../../../src/errors.ts';
import { RenewedCredentials } from '../../../src/session/credentials.ts';
import type { Log } from '../../../src/session/log.ts';
import type { TemporaryCredentials } from '../../../src/session/sts/credentials.ts';

const MINUTE = 60_000;
const LIFE = 30 * MINUTE;
const QUIET: Log = { info: () => {}, warn: () => {} };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Keys whose name tells when they were made, in minutes since the beginning. */
function keysMade(minutes: number): TemporaryCredentials {
  return {
    accessKeyId: `made-at-${Math.round(minutes)}`,
    secretAccessKey: 's',
    sessionToken: 't',
    expiration: new Date(Date.now() + LIFE),
  };
}

function renewed({ away = (): boolean => false, keep = () => Promise.resolve() } = {}) {
  const begin = Date.now();
  const calls: number[] = [];
  const source = () => {
    const minutes = (Date.now() - begin) / MINUTE;
    calls.push(minutes);
    return away() ? Promise.reject(new Fault('StsUnreachable', 'away')) : Promise.resolve(keysMade(minutes));
  };
  const credentials = new RenewedCredentials(keysMade(0), {
    source,
    durationSeconds: LIFE / 1000,
    log: QUIET,
    keep,
  });
  return { credentials, calls };
}

describe('renewal', () => {
  test.for([
    [0, 15],
    [0.999_999, 13.5],
  ] as const)('at half life, spread by a twentieth (%s): after %s minutes', async ([random, minutes]) => {
    vi.spyOn(Math, 'random').mockReturnValue(random);
    const { credentials, calls } = renewed();
    await vi.advanceTimersByTimeAsync(minutes * MINUTE - 1000);
    expect(calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(calls).toHaveLength(1);
    expect(credentials.current()?.accessKeyId).toBe(`made-at-${Math.round(calls[0] ?? 0)}`);
  });

  test('in three hours no client sees keys with less than 15 minutes left, and STS is asked no more than needed', async () => {
    const { credentials, calls } = renewed();
    for (let second = 0; second < 3 * 3600; second += 10) {
      await vi.advanceTimersByTimeAsync(10_000);
      const left = (credentials.current()?.expiration.getTime() ?? 0) - Date.now();
      expect(left).toBeGreaterThanOrEqual(15 * MINUTE - 10_000);
    }
    expect(calls.length).toBeLessThanOrEqual(14);
  });

  test('however many ask, one call is made', async () => {
    const { credentials, calls } = renewed();
    vi.setSystemTime(Date.now() + 20 * MINUTE);
    for (let asked = 0; asked < 100; asked += 1) credentials.current();
    await vi.advanceTimersByTimeAsync(0);
    expect(calls).toHaveLength(1);
  });

  test('a machine that slept through it renews when somebody asks, who waits a moment', async () => {
    const { credentials } = renewed();
    vi.setSystemTime(Date.now() + 120 * MINUTE);
    expect(credentials.current()).toBeUndefined();
    expect((await credentials.soon())?.accessKeyId).toBe('made-at-120');
  });

  test('whoever waits does not wait for longer than a client would', async () => {
    const credentials = new RenewedCredentials(keysMade(0), {
      source: () => Promise.withResolvers<TemporaryCredentials>().promise,
      durationSeconds: LIFE / 1000,
      log: QUIET,
      keep: () => Promise.resolve(),
    });
    await vi.advanceTimersByTimeAsync(LIFE);
    const waiting = credentials.soon();
    await vi.advanceTimersByTimeAsync(999);
    expect(await waiting).toBeUndefined();
  });

  test('keys that cannot be kept are served all the same, and not fetched again', async () => {
    const { credentials, calls } = renewed({ keep: () => Promise.reject(new Fault('SessionFilesFailed', 'full')) });
    await vi.advanceTimersByTimeAsync(16 * MINUTE);
    expect(calls).toHaveLength(1);
    expect(credentials.current()?.accessKeyId).not.toBe('made-at-0');
  });

  test('nothing more after the end', async () => {
    const { credentials, calls } = renewed();
    credentials.stop();
    await vi.advanceTimersByTimeAsync(LIFE);
    expect(credentials.current()).toBeUndefined();
    expect(calls).toEqual([]);
  });
});

describe('STS is away', () => {
  test('for ten minutes: nobody notices, and it is not asked all the time', async () => {
    let away = true;
    const { credentials, calls } = renewed({ away: () => away });
    await vi.advanceTimersByTimeAsync(25 * MINUTE);
    expect(credentials.current()?.accessKeyId).toBe('made-at-0');
    expect(calls.length).toBeGreaterThan(5);
    expect(calls.length).toBeLessThan(30);
    away = false;
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(credentials.current()?.accessKeyId).toMatch(/^made-at-2[56]$/);
  });

  test('for longer than the keys live: none are served, until it is back', async () => {
    let away = true;
    const { credentials } = renewed({ away: () => away });
    await vi.advanceTimersByTimeAsync(LIFE - 1);
    expect(credentials.current()?.accessKeyId).toBe('made-at-0');
    await vi.advanceTimersByTimeAsync(1);
    expect(credentials.current()).toBeUndefined();
    away = false;
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(credentials.current()?.accessKeyId).toMatch(/^made-at-3[01]$/);
  });
});
