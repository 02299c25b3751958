import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODY_LIMIT } from '../../src/admission/load.ts';
import { ask, keepAlive, mutatePath, send } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { head, rawTls } from './support/raw.ts';
import { ALICE, pod, reviewOf } from './support/reviews.ts';
import { newSecret } from './support/webhook.ts';

let webhook: WebhookProcess;
beforeAll(async () => {
  webhook = await WebhookProcess.start({
    nodeArgs: ['--expose-gc', '--import=./test/server/support/collect.ts'],
    ipc: true,
  });
});
afterAll(() => webhook[Symbol.asyncDispose]());

/** What is in use once garbage is collected, in bytes. */
async function inUse(): Promise<number> {
  const answer = once(webhook.child, 'message') as Promise<[{ heapUsed: number; external: number }]>;
  webhook.child.send('collect');
  const [{ heapUsed, external }] = await answer;
  return heapUsed + external;
}

type Attack = () => Promise<unknown>;

const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
const bodies: readonly [what: string, body: () => string | Buffer][] = [
  ['malformed JSON', () => '{"request":'.repeat(10_000)],
  ['deep nesting', () => nested],
  ['deep nesting in a pod', () => JSON.stringify(reviewOf()).replace('"spec":{', `"spec":{"nested":${nested},`)],
  ['many small values', () => `{"many":[${'{},'.repeat(200_000)}0]}`],
  ['many keys', () => `{${Array.from({ length: 50_000 }, (_, index) => `"${performance.now()}-${index}":0`).join()}}`],
  [
    'many containers',
    () =>
      JSON.stringify(
        reviewOf(pod({ containers: Array.from({ length: 5_000 }, (_, index) => ({ name: `c${index}` })) })),
      ),
  ],
  [
    'a username without end',
    () => JSON.stringify(reviewOf(pod(), { userInfo: { ...ALICE, username: 'x'.repeat(5e6) } })),
  ],
  ['a body that is too large', () => Buffer.alloc(BODY_LIMIT + 1, 'x')],
];

const attacks: readonly [what: string, attack: Attack][] = [
  ...bodies.map(([what, body]): [string, Attack] => [what, () => attackWithBody(body())]),
  ['other paths', () => send(webhook.endpoint, { path: `/mutate/${newSecret()}?${newSecret()}`, body: reviewOf() })],
  [
    'other content types',
    () => send(webhook.endpoint, { body: '{}', headers: { 'content-type': `a/${newSecret()}` } }),
  ],
  ['bodies that are not ended', unended],
];

async function attackWithBody(body: string | Buffer): Promise<void> {
  using agent = keepAlive();
  await send(webhook.endpoint, { body, agent });
}

async function unended(): Promise<void> {
  using connection = await rawTls(webhook.endpoint);
  connection.socket.write(head(mutatePath(webhook.endpoint), { 'content-length': 5_000_000 }));
  connection.socket.write('x'.repeat(100_000));
  await once(connection.socket, 'drain');
}

async function repeat(times: number, attack: Attack): Promise<void> {
  for (let round = 0; round < times; round += 1) await attack();
  await webhook.counted('countersign_reviews_in_flight', {}, 0);
}

/** What an attack may leave behind, in all its repetitions together: less than one body. */
const LEFT_BEHIND = 4_000_000;

describe('the memory in use is back at its level after', () => {
  it.each(attacks)('%s', async (_, attack) => {
    // The first rounds fill caches and compile what they run.
    await repeat(3, attack);
    const before = await inUse();
    await repeat(15, attack);
    expect((await inUse()) - before).toBeLessThan(LEFT_BEHIND);
    expect(await ask(webhook.endpoint, reviewOf())).toMatchObject({ allowed: true });
  });

  it('2,000 reviews', async () => {
    using agent = keepAlive();
    const review = () => ask(webhook.endpoint, reviewOf(), { agent });
    await repeat(300, review);
    const before = await inUse();
    await repeat(2_000, review);
    expect((await inUse()) - before).toBeLessThan(LEFT_BEHIND);
  });

  it('300 connections that came and went', async () => {
    const review = () => ask(webhook.endpoint, reviewOf());
    await repeat(100, review);
    const before = await inUse();
    await repeat(300, review);
    expect((await inUse()) - before).toBeLessThan(LEFT_BEHIND);
  });
});
