import { describe, expect, test, vi } from 'vitest';
import { networkReason, PassingFailure, retrying } from '../../../src/session/retry.ts';

const never = new AbortController().signal;

describe('another attempt', () => {
  test('what fails for good is tried once', async () => {
    const attempt = vi.fn<() => Promise<never>>(() => Promise.reject(new Error('refused')));
    await expect(retrying(attempt, never)).rejects.toThrow('refused');
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  test('what passes is tried until it works', async () => {
    let tries = 0;
    const attempt = () => {
      tries += 1;
      return tries < 3 ? Promise.reject(new PassingFailure('busy')) : Promise.resolve('done');
    };
    expect(await retrying(attempt, never)).toBe('done');
  });

  test('no attempt follows the deadline, which also ends the one that runs', async () => {
    const deadline = new AbortController();
    const attempt = vi.fn<(signal: AbortSignal) => Promise<never>>(
      (signal) =>
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(new PassingFailure('no answer in time')));
          deadline.abort();
        }),
    );
    await expect(retrying(attempt, deadline.signal)).rejects.toThrow('no answer in time (one attempt)');
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  test('an attempt that the deadline cuts short does not hide why the others failed', async () => {
    const deadline = new AbortController();
    let tries = 0;
    const attempt = (signal: AbortSignal): Promise<never> => {
      tries += 1;
      if (tries === 1) return Promise.reject(new PassingFailure('no name server answers'));
      deadline.abort();
      return Promise.reject(new PassingFailure(networkReason(signal.reason)));
    };
    await expect(retrying(attempt, deadline.signal)).rejects.toThrow('no name server answers (2 attempts)');
  });

  test('the deadline ends a pause', async () => {
    const deadline = new AbortController();
    const attempt = vi.fn<() => Promise<never>>(() => {
      setImmediate(() => deadline.abort());
      return Promise.reject(new PassingFailure('busy'));
    });
    const random = vi.spyOn(Math, 'random').mockReturnValue(1);
    await expect(retrying(attempt, deadline.signal)).rejects.toThrow('busy (one attempt)');
    random.mockRestore();
  });
});

test('ten attempts at most, however much time there is', async () => {
  // With the smallest of all pauses; nine of them, each with jitter of its own.
  const random = vi.spyOn(Math, 'random').mockReturnValue(0);
  const attempt = vi.fn<() => Promise<never>>(() => Promise.reject(new PassingFailure('busy')));
  await expect(retrying(attempt, never)).rejects.toThrow('busy (10 attempts)');
  expect(attempt).toHaveBeenCalledTimes(10);
  expect(random).toHaveBeenCalledTimes(9);
  random.mockRestore();
});

test('every thrown thing has a reason, and a signal’s is in words', () => {
  expect(networkReason(AbortSignal.abort().reason)).toBe('no answer in time');
  expect(networkReason(new AggregateError([new Error('ECONNREFUSED ::1'), new Error('ECONNREFUSED 127.0.0.1')]))).toBe(
    'ECONNREFUSED ::1, ECONNREFUSED 127.0.0.1',
  );
  expect(networkReason('text')).toBe('text');
});
