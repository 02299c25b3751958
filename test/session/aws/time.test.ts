import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CloudTrailRecord } from '../sts/records.ts';
import { askEndpoint } from '../support/ask-endpoint.ts';
import { FakeTime, noFaketime } from '../support/faketime.ts';
import { OPERATOR, SessionPod, type SessionProcess } from '../support/session-pod.ts';
import { injectedEnvironment } from './application.ts';
import { type Application, BOTO3, type Call, CLI, JAVASCRIPT } from './clients.ts';
import { Traps } from './traps.ts';

const MINUTE = 60;
const missing = noFaketime || BOTO3.unavailable;

let time: FakeTime;
let pod: SessionPod;
let traps: Traps;
let session: SessionProcess;
let awsPort: number;
/** The three clients, those that keep their keys first. */
let applications: { javascript: Application; boto3: Application; cli: Application };

beforeEach(async () => {
  if (missing !== '') return;
  time = new FakeTime();
  pod = await SessionPod.create({ clock: time.now });
  traps = await Traps.set(pod);
  const ca = join(traps.directory, 'ca.pem');
  writeFileSync(ca, pod.sts.ca);
  session = pod.start('run', { env: time.environment });
  ({ awsPort } = await session.ready());
  const standing = { pod, delivery: 'sidecar', awsPort, ca, home: traps.home('plain') } as const;
  const variables = { ...injectedEnvironment(standing, {}), ...time.environment };
  applications = {
    javascript: JAVASCRIPT.start(variables),
    boto3: BOTO3.start(variables),
    cli: CLI.start(variables),
  };
});

afterEach(async () => {
  if (missing !== '') return;
  for (const application of Object.values(applications)) await application.stop();
  await traps[Symbol.asyncDispose]();
  await pod[Symbol.asyncDispose]();
  time[Symbol.dispose]();
});

/**
 * Lets time pass, and kubelet renew the token. The session sleeps until its next timer by a clock that nobody moves, so
 * something wakes it; then it sees what is due.
 */
async function pass(minutes: number): Promise<void> {
  time.advance(minutes * MINUTE);
  pod.writeToken();
  await askEndpoint({ port: awsPort });
}

/** Waits until the session has logged this so often. */
async function logged(message: string, times: number): Promise<void> {
  while (session.log.filter(({ msg }) => msg === message).length < times) await once(session.child, 'line');
}

async function expectToWork(names: readonly (keyof typeof applications)[], call: Call = 'list'): Promise<void> {
  const outcomes = await Promise.all(names.map((name) => applications[name].call(call)));
  expect(outcomes).toEqual(names.map(() => ({ answer: [] })));
}

const called = (name: string) => pod.sts.records.all.filter(({ eventName }) => eventName === name);

/** How long the keys that a call was made with still had to live, in minutes. */
function minutesLeft(record: CloudTrailRecord): number {
  const grants = called('AssumeRole').map(({ responseElements }) => responseElements?.['credentials']);
  const { accessKeyId } = record.userIdentity;
  const own = grants.find((keys) => (keys as { accessKeyId: string }).accessKeyId === accessKeyId);
  const { expiration } = own as { expiration: string };
  return (Date.parse(expiration) - Date.parse(record.eventTime)) / 60_000;
}

describe.skipIf(missing)(`clients that go on for hours${missing && `: ${missing}`}`, () => {
  it('always have keys that last, as the session renews them', async () => {
    await expectToWork(['javascript', 'boto3', 'cli']);
    for (let minutes = 5; minutes <= 180; minutes += 5) {
      await pass(5);
      const names = minutes % 30 === 0 ? (['javascript', 'boto3', 'cli'] as const) : (['javascript', 'boto3'] as const);
      // Keys of 30 minutes are renewed when half of that is left, or a little before.
      await Promise.all([expectToWork(names), logged('credentials renewed', Math.floor(minutes / 15))]);
    }
    expect(called('AssumeRole')).toHaveLength(1 + 180 / 15);
    const calls = called('ListBuckets');
    expect(calls).toHaveLength(3 * 7 + 2 * 30);
    for (const { errorCode, userIdentity } of calls) {
      expect(errorCode).toBeUndefined();
      expect(userIdentity).toMatchObject({ sessionContext: { sourceIdentity: OPERATOR } });
    }
    // What a client keeps it replaces in time; what the session hands out has half of its life left.
    expect(Math.min(...calls.map(minutesLeft))).toBeGreaterThan(4);
  });

  it('do not notice that STS is away for ten minutes', async () => {
    await pass(12);
    await expectToWork(['javascript', 'boto3', 'cli']);
    pod.sts.faults.always({ kind: 'drop' });
    for (let failed = 1; failed <= 5; failed += 1) {
      const tried = pod.sts.arrivals.next(({ action }) => action === 'AssumeRoleWithWebIdentity');
      await pass(failed === 1 ? 3 : 2);
      await tried;
      // Longer than one renewal may take, with all its attempts.
      await pass(0.5);
      await Promise.all([expectToWork(['javascript', 'boto3']), logged('credentials could not be renewed', failed)]);
    }
    await expectToWork(['cli']);
    expect(called('AssumeRole')).toHaveLength(1);
    pod.sts.faults.always(undefined);
    await pass(2);
    await logged('credentials renewed', 1);
    await expectToWork(['javascript', 'boto3', 'cli']);
    expect(called('ListBuckets').every(({ errorCode }) => errorCode === undefined)).toBe(true);
  });
});
