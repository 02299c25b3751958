import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as passed } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionPod, type SessionProcess } from '../support/session-pod.ts';
import { injectedEnvironment } from './application.ts';
import { type Application, CLIENTS, type Variables } from './clients.ts';
import { Traps } from './traps.ts';

let pod: SessionPod;
let traps: Traps;
let session: SessionProcess;
let awsPort: number;
let variables: Variables;
let application: Application | undefined;

beforeEach(async () => {
  pod = await SessionPod.create();
  traps = await Traps.set(pod);
  const ca = join(traps.directory, 'ca.pem');
  writeFileSync(ca, pod.sts.ca);
  session = pod.start('run');
  ({ awsPort } = await session.ready());
  variables = injectedEnvironment({ pod, delivery: 'sidecar', awsPort, ca, home: traps.home('plain') }, {});
});

afterEach(async () => {
  await application?.stop();
  await traps[Symbol.asyncDispose]();
  await pod[Symbol.asyncDispose]();
});

/** As kubelet does with a container that ended. */
async function restart(): Promise<void> {
  await pod.start('run', { places: { awsPort } }).ready();
}

/** Takes the endpoint's place until somebody comes, and sends them away. */
async function knock(): Promise<void> {
  const door = createServer((socket) => socket.destroy());
  door.listen(awsPort, '127.0.0.1');
  await once(door, 'connection');
  door.close();
  await once(door, 'close');
}

/** How long the endpoint may be gone. */
const OUTAGE_MS = 3000;

describe.each(CLIENTS.map((client) => [client.name, client] as const))('%s', (_, client) => {
  describe.skipIf(client.unavailable)(
    `when the session ends and comes back${client.unavailable && `: ${client.unavailable}`}`,
    () => {
      // Clients give up after some three seconds, and a machine that is busy with other tests may take longer to start.
      it('goes on, if it needs its first credentials meanwhile', { retry: 2 }, async () => {
        application = client.start(variables);
        expect(await application.call('ready')).toEqual({ answer: true });
        await session.kill();
        const knocked = knock();
        const called = application.call('whoami');
        await knocked;
        await restart();
        expect(await called).toEqual({ answer: expect.stringContaining(`/fab-${pod.sessionId}`) });
        // The session came back with the keys that it had.
        expect(pod.sts.records.all.map(({ eventName }) => eventName)).toEqual([
          'AssumeRoleWithWebIdentity',
          'AssumeRole',
          'GetCallerIdentity',
        ]);
      });
    },
  );
});

const staying = CLIENTS.filter(({ name }) => name !== 'the AWS CLI');

describe.each(staying.map((client) => [client.name, client] as const))('%s', (_, client) => {
  it.skipIf(client.unavailable)(
    `does not notice three seconds without the session${client.unavailable && `: ${client.unavailable}`}`,
    async () => {
      application = client.start(variables);
      expect(await application.call('list')).toEqual({ answer: [] });
      await session.kill();
      const over = passed(OUTAGE_MS, true);
      let calls = 0;
      do {
        expect(await application.call('list')).toEqual({ answer: [] });
        calls += 1;
      } while (!(await Promise.race([over, passed(50, false)])));
      await restart();
      expect(await application.call('list')).toEqual({ answer: [] });
      expect(calls).toBeGreaterThan(1);
    },
  );
});
