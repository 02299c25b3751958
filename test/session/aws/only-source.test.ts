import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STRAY_USER } from '../sts/example.ts';
import { OPERATOR, SessionPod } from '../support/session-pod.ts';
import { type Authored, bareEnvironment, injectedEnvironment, type Standing } from './application.ts';
import { type Call, CLIENTS, type Client, type Outcome, type Variables } from './clients.ts';
import { everything, everythingBuiltIn, Traps, TRAPS } from './traps.ts';

let pod: SessionPod;
let traps: Traps;
let awsPort: number;
let delivery: 'sidecar' | 'files';

async function open(how: 'sidecar' | 'files'): Promise<void> {
  delivery = how;
  pod = await SessionPod.create();
  pod.sts.buckets.set('work', new Map());
  if (how === 'sidecar') ({ awsPort } = await pod.start('run').ready());
  else expect(await pod.start('init').exited).toEqual({ code: 0, signal: null });
  traps = await Traps.set(pod);
  writeFileSync(join(traps.directory, 'ca.pem'), pod.sts.ca);
}

async function close(): Promise<void> {
  await traps[Symbol.asyncDispose]();
  await pod[Symbol.asyncDispose]();
}

function standing(home: 'plain' | 'full'): Standing {
  return { pod, delivery, awsPort, ca: join(traps.directory, 'ca.pem'), home: traps.home(home) };
}

/** What a new application gets for each of these calls. */
async function run(client: Client, variables: Variables, calls: readonly Call[]): Promise<Outcome[]> {
  const application = client.start(variables);
  try {
    const outcomes: Outcome[] = [];
    for (const call of calls) outcomes.push(await application.call(call));
    return outcomes;
  } finally {
    await application.stop();
  }
}

const arn = () => `arn:aws:sts::111122223333:assumed-role/agents-session/fab-${pod.sessionId}`;

const CALLED = {
  ready: '',
  whoami: 'GetCallerIdentity',
  put: 'PutObject',
  get: 'GetObject',
  list: 'ListBuckets',
} as const;

/** Uses a client as an agent would, and holds answers and records against the session. */
async function expectOnlyTheSession(
  client: Client,
  home: 'plain' | 'full',
  authored: Authored,
  calls: readonly Call[],
): Promise<void> {
  const before = pod.sts.records.all.length;
  const askedBefore = traps.asked;
  const outcomes = await run(client, injectedEnvironment(standing(home), authored), calls);
  expect(outcomes).toEqual(calls.map((call) => ({ answer: call === 'whoami' ? arn() : expect.anything() })));
  const records = pod.sts.records.all.slice(before);
  expect(records.map(({ eventName }) => eventName)).toEqual(calls.map((call) => CALLED[call]));
  for (const { userIdentity } of records) {
    expect(userIdentity).toMatchObject({ arn: arn(), sessionContext: { sourceIdentity: OPERATOR } });
  }
  expect(traps.asked).toBe(askedBefore);
}

describe.each(CLIENTS.map((client) => [client.name, client] as const))('%s', (_, client) => {
  describe.skipIf(client.unavailable)(`in a session${client.unavailable && `: ${client.unavailable}`}`, () => {
    beforeAll(() => open('sidecar'));
    afterAll(close);

    it.each(Object.entries(TRAPS))('uses its credentials alone, past %s', async (_, { home, set }) => {
      await expectOnlyTheSession(client, home, set(traps), ['whoami']);
    });

    it('uses its credentials alone, past everything at once', async () => {
      await expectOnlyTheSession(client, 'full', { container: everything(traps) }, ['whoami', 'put', 'get', 'list']);
    });

    it('uses its credentials alone, past everything that the image brings', async () => {
      await expectOnlyTheSession(client, 'full', { image: everythingBuiltIn(traps) }, ['list']);
    });

    it('does not get others where the image names a profile, which nobody can take out of it', async () => {
      const before = pod.sts.records.all.length;
      const variables = injectedEnvironment(standing('full'), { image: { AWS_PROFILE: 'work' } });
      const [whoami] = await run(client, variables, ['whoami']);
      // JavaScript passes over a profile that is not there; botocore stops.
      expect([{ answer: arn() }, { error: expect.stringContaining('work') }]).toContainEqual(whoami);
      for (const { userIdentity } of pod.sts.records.all.slice(before)) expect(userIdentity['arn']).toBe(arn());
    });

    // Otherwise nothing would be shown above.
    it.each(Object.entries(TRAPS))('without the webhook falls for %s', async (_, { home, set }) => {
      const before = pod.sts.records.all.length;
      const askedBefore = traps.asked;
      await run(client, bareEnvironment(standing(home), set(traps)), ['whoami']);
      const [first] = pod.sts.records.all.slice(before);
      const fell = first?.userIdentity['type'] === 'WebIdentityUser' || first?.userIdentity['arn'] === STRAY_USER.arn;
      expect(fell || traps.asked > askedBefore).toBe(true);
    });
  });

  describe.skipIf(client.unavailable)(
    `with its keys in files${client.unavailable && `: ${client.unavailable}`}`,
    () => {
      beforeAll(() => open('files'));
      afterAll(close);

      it('uses them alone, past everything at once', async () => {
        await expectOnlyTheSession(client, 'full', { container: everything(traps) }, ['whoami', 'put', 'get', 'list']);
      });

      it('uses them alone, past everything that the image brings', async () => {
        await expectOnlyTheSession(client, 'full', { image: everythingBuiltIn(traps) }, ['list']);
      });
    },
  );
});
