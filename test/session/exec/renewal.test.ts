import { expect, it } from 'vitest';
import { FakeTime, noFaketime } from '../support/faketime.ts';
import { Place } from './place.ts';

const MINUTE = 60;

/** Asks the endpoint whenever it is told to, as an SDK does before keys end. */
const APP = [
  process.execPath,
  '-e',
  `const { readFileSync } = require('node:fs');
   const authorization = readFileSync(process.env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, 'utf8');
   const { get } = require('node:http');
   // A connection of its own each time: one that is kept is too old after a jump of the clock.
   const options = { agent: false, headers: { authorization } };
   process.stdin.on('data', () => get(process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI, options, async (answer) => {
     const { AccessKeyId, Expiration } = JSON.parse(Buffer.concat(await answer.toArray()));
     console.log('answer', AccessKeyId, Math.round((Date.parse(Expiration) - Date.now()) / 60_000));
   }));`,
] as const;

it.skipIf(noFaketime)(`a command that runs for hours always has keys that last${noFaketime}`, async () => {
  using time = new FakeTime();
  await using place = await Place.create(time.now);
  const running = place.start(['--renew', '--', ...APP], { ...place.session, ...time.environment });
  await running.says('session ready');
  for (let step = 1; step <= 8; step += 1) {
    time.advance(16 * MINUTE);
    place.writeToken();
    // The first question after half of the life wakes the renewal, and is answered with the old keys.
    running.child.stdin.write('ask\n');
    await running.says('credentials renewed', step);
    await running.says('answer', 2 * step - 1);
    running.child.stdin.write('ask\n');
    await running.says('answer', 2 * step);
  }
  running.child.stdin.end();
  const { status, stdout } = await running.ended;
  expect(status).toBe(0);
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  // Each renewal, and perhaps the first keys.
  expect(new Set(answers.map(([, key]) => key)).size).toBeGreaterThanOrEqual(8);
  expect(Math.min(...answers.map(([, , minutes]) => Number(minutes)))).toBeGreaterThanOrEqual(13);
  // The base keys live for an hour, so they were renewed as well.
  const asked = place.sts.records.all.filter(({ eventName }) => eventName === 'AssumeRoleWithWebIdentity');
  expect(asked.length).toBeGreaterThanOrEqual(3);
  expect(place.left).toEqual([]);
});
