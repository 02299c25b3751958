import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { SESSION_SETTING } from '../../../src/names.ts';
import { askEndpoint } from '../support/ask-endpoint.ts';
import { FakeTime, noFaketime } from '../support/faketime.ts';
import { listening } from '../support/listening.ts';
import { SessionPod } from '../support/session-pod.ts';

const REFUSE = { [SESSION_SETTING.instanceMetadata]: 'refuse' };

const skipped = noFaketime === '' ? '' : ` (skipped: ${noFaketime})`;

test.skipIf(noFaketime)(
  `instance metadata that opens while a session runs ends it with its keys${skipped}`,
  async () => {
    using time = new FakeTime();
    await using pod = await SessionPod.create({ clock: time.now });
    let open = false;
    await using metadata = await listening(
      createServer((_, response) => {
        response.writeHead(open ? 200 : 404).end('node-role');
      }),
    );
    const options = { env: { ...REFUSE, ...time.environment }, places: { metadata: [metadata.origin] } };
    const session = pod.start('run', options);
    const { awsPort } = await session.ready();

    // Somebody deletes the network policy that was in its way; half the life of the keys passes.
    open = true;
    time.advance(16 * 60);
    await askEndpoint({ port: awsPort });
    expect(await session.logged('credentials could not be renewed')).toMatchObject({ code: 'InstanceMetadataOpen' });

    // A session container that starts again does not go on either, though it finds good keys.
    await session.kill();
    const again = pod.start('run', options);
    expect(await again.exited).toEqual({ code: 78, signal: null });
    expect(again.errors).toContain('[InstanceMetadataOpen]');
    expect(pod.shared).toEqual({});
  },
);
