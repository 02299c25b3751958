import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { READY_FILE, setReady } from '../../../src/session/ready.ts';
import { SessionPod } from '../support/session-pod.ts';

describe('the hook that holds the application back', () => {
  test('ends when the session is ready, and not before', async () => {
    await using pod = await SessionPod.create();
    pod.sts.faults.next({ kind: 'hang', action: 'AssumeRole' });
    const asked = pod.sts.arrivals.next(({ action }) => action === 'AssumeRole');
    const hook = pod.start('await-ready --seconds=30');
    const session = pod.start('run');
    await asked;
    // The session waits for STS, which answers when it is asked again.
    expect(hook.child.exitCode).toBeNull();
    await session.ready();
    expect(await hook.exited).toEqual({ code: 0, signal: null });
  });

  test('ends at once when the session was ready before', async () => {
    await using pod = await SessionPod.create();
    await pod.start('run').ready();
    expect(await pod.start('await-ready --seconds=10').exited).toEqual({ code: 0, signal: null });
  });

  test('the word of a process that was killed does not count, nor does one of another process by its number', async () => {
    await using pod = await SessionPod.create();
    const killed = pod.start('run');
    await killed.ready();
    await killed.kill();
    const hook = pod.start('await-ready --seconds=1');
    expect(await hook.exited).toEqual({ code: 1, signal: null });
    expect(hook.errors).toBe(
      'countersign: the session was not ready within 1 s. Next: look at the log of the container countersign\n',
    );
    // This process lives, and did not start then.
    writeFileSync(join(pod.places.private, READY_FILE), `${process.pid} 1`);
    expect(await pod.start('await-ready --seconds=1').exited).toMatchObject({ code: 1 });
    await setReady(pod.places);
    expect(await pod.start('await-ready --seconds=1').exited).toMatchObject({ code: 0 });
  });

  test('a failed hook takes nothing from a session that runs', async () => {
    await using pod = await SessionPod.create();
    await pod.start('run').ready();
    const before = pod.shared;
    for (const args of ['', ' --seconds=0', ' --seconds=61', ' --seconds=ten', ' --minutes=1']) {
      const hook = pod.start(`await-ready${args}`);
      expect(await hook.exited).toMatchObject({ code: 1 });
      expect(hook.errors).toMatch(/^countersign: usage: [^\n]+\n$/);
    }
    expect(pod.shared).toEqual(before);
    expect(pod.terminationMessage).toBe('');
  });

  test('a volume that is not there: at once, with the reason', async () => {
    await using pod = await SessionPod.create();
    const hook = pod.start('await-ready --seconds=60', { places: { private: '/nowhere' } });
    expect(await hook.exited).toMatchObject({ code: 1 });
    expect(hook.errors).toContain('/nowhere cannot be watched: ENOENT');
  });
});
