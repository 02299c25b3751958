import { Agent } from 'node:https';
import { createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { until } from '../cluster/until.ts';
import { ask, keepAlive, type Reply, send } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { rawTcp } from './support/raw.ts';
import { reviewOf } from './support/reviews.ts';

/** Does something while many connections are open, of which the server may refuse some. */
async function flooded(port: number, count: number, meanwhile: () => Promise<void>): Promise<void> {
  const settled = await Promise.allSettled(Array.from({ length: count }, () => rawTcp(port)));
  await meanwhile();
  for (const each of settled) if (each.status === 'fulfilled') each.value.socket.destroy();
}

function untilAnswered(webhook: WebhookProcess): Promise<true> {
  return until(
    'reviews on new connections are answered',
    async () => (await ask(webhook.endpoint, reviewOf())).allowed,
  );
}

const MEMORY = 'process_resident_memory_bytes';

describe('1,000 connections at once, each with a handshake and a review,', () => {
  it('all get an answer', async () => {
    await using webhook = await WebhookProcess.start();
    // The certificate authority is read once for all of them, so that the clients take less time than the server.
    const secureContext = createSecureContext({ ca: webhook.ca });
    const agent = new Agent({ maxSockets: Infinity, maxCachedSessions: 0, secureContext });
    const sending = Array.from({ length: 1_000 }, () => send(webhook.endpoint, { body: reviewOf(), agent }));
    const replies = await Promise.all(sending);
    const isClear = ({ status, headers, json }: Reply) =>
      status === 200 || (status === 503 && headers['retry-after'] === '1' && json['code'] === 'Overloaded');
    expect(replies.filter((reply) => !isClear(reply))).toEqual([]);
    expect(replies.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(await ask(webhook.endpoint, reviewOf())).toMatchObject({ allowed: true });
    await webhook.counted('countersign_reviews_in_flight', {}, 0);
  });
});

describe('more connections than there can be', () => {
  it('do not take the place of those that API servers hold, nor the memory of the process', async () => {
    await using webhook = await WebhookProcess.start();
    using agent = keepAlive();
    const review = () => ask(webhook.endpoint, reviewOf(), { agent });
    await review();
    const [held] = Object.values(agent.freeSockets).flat();
    await flooded(webhook.port, 6_000, async () => {
      expect(await webhook.metric('process_open_fds')).toBeLessThan(4_500);
      expect(await webhook.metric(MEMORY)).toBeLessThan(400_000_000);
      expect(await review()).toMatchObject({ allowed: true });
      expect((await webhook.probe('/readyz')).status).toBe(200);
    });
    await untilAnswered(webhook);
    expect(await review()).toMatchObject({ allowed: true });
    expect(Object.values(agent.freeSockets).flat()).toEqual([held]);
  });

  it('do not end the process when it has no file descriptors left', async () => {
    await using webhook = await WebhookProcess.start({ wrapper: ['sh', '-c', 'ulimit -n 128; exec "$0" "$@"'] });
    using agent = keepAlive();
    const review = () => ask(webhook.endpoint, reviewOf(), { agent });
    await review();
    await flooded(webhook.port, 1_000, async () => {
      expect(await review()).toMatchObject({ allowed: true });
    });
    await untilAnswered(webhook);
    expect((await webhook.probe('/livez')).status).toBe(200);
    expect(webhook.errors).toBe('');
  });
});
