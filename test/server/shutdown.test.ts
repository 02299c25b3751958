import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { Governance, GovernanceSource } from '../../src/admission/governance.ts';
import { until } from '../cluster/until.ts';
import { type Endpoint, keepAlive, mutatePath, send } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { head, rawTcp, rawTls } from './support/raw.ts';
import { reviewOf } from './support/reviews.ts';
import { startWebhook } from './support/webhook.ts';

describe('on SIGTERM the webhook', () => {
  it('is not ready any more, answers for a while and asks its callers to go elsewhere, and ends with status 0', async () => {
    await using webhook = await WebhookProcess.start({ args: ['--drain-seconds=5'] });
    using agent = keepAlive();
    const before = await send(webhook.endpoint, { body: reviewOf(), agent });
    expect(before).toMatchObject({ status: 200, headers: { connection: 'keep-alive' } });

    webhook.child.kill('SIGTERM');
    await until('it is not ready', async () => (await webhook.probe('/readyz')).status === 503);
    expect(await webhook.probe('/readyz')).toEqual({ status: 503, text: 'shutting down' });
    expect(await webhook.probe('/livez')).toEqual({ status: 200, text: 'ok' });
    const held = await send(webhook.endpoint, { body: reviewOf(), agent });
    expect(held).toMatchObject({
      status: 200,
      headers: { connection: 'close' },
      json: { response: { allowed: true } },
    });
    const fresh = await send(webhook.endpoint, { body: reviewOf(), headers: { connection: 'keep-alive' } });
    expect(fresh).toMatchObject({
      status: 200,
      headers: { connection: 'close' },
      json: { response: { allowed: true } },
    });

    expect(await webhook.exited).toEqual({ code: 0, signal: null });
    expect(webhook.log.slice(-2)).toMatchObject([{ code: 'Attributed' }, { msg: 'ended' }]);
    await expect(send(webhook.endpoint, { body: reviewOf() })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('loses no request: whatever is sent on a connection that stands is answered', async () => {
    await using webhook = await WebhookProcess.start({ args: ['--drain-seconds=1'] });
    const clients = Array.from({ length: 8 }, () => sendUntilRefused(webhook.endpoint));
    await until('reviews flow', async () => ((await webhook.metric(DURATIONS)) ?? 0) > 100);
    webhook.child.kill('SIGTERM');
    const results = await Promise.all(clients);
    expect(await webhook.exited).toEqual({ code: 0, signal: null });
    for (const { answered, lost } of results) {
      expect(lost).toEqual([]);
      expect(answered).toBeGreaterThan(0);
    }
  });

  it('is not kept by connections that never come to an end', async () => {
    await using webhook = await WebhookProcess.start();
    using agent = keepAlive();
    await send(webhook.endpoint, { body: reviewOf(), agent });
    using silent = await rawTls(webhook.endpoint);
    using halfway = await rawTls(webhook.endpoint);
    halfway.socket.write(head(mutatePath(webhook.endpoint), { 'content-length': 100 }));
    using handshaking = await rawTcp(webhook.port);
    using probing = await rawTcp(webhook.probePort);
    probing.socket.write('GET /livez HTTP/1.1\r\n');
    await webhook.counted('countersign_reviews_in_flight', {}, 1);

    webhook.child.kill('SIGTERM');
    expect(await webhook.exited).toEqual({ code: 0, signal: null });
    await Promise.all([silent, halfway, handshaking, probing].map(({ closed }) => closed));
  });
});

const DURATIONS = 'countersign_review_duration_seconds_count';

/** Sends reviews one after the other, each on the connection of the one before if it still stands. */
async function sendUntilRefused(endpoint: Endpoint): Promise<{ answered: number; lost: unknown[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: endpoint.ca });
  const lost: unknown[] = [];
  let answered = 0;
  for (;;) {
    const sent = request({ host: '127.0.0.1', port: endpoint.port, method: 'POST', path: mutatePath(endpoint), agent });
    let established = false;
    sent.once('socket', (socket) => {
      established = sent.reusedSocket;
      if (!established) socket.once('secureConnect', () => (established = true));
    });
    sent.end(JSON.stringify(reviewOf()));
    try {
      const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
      const review = (await json(response)) as { response: { allowed: boolean } };
      if (!review.response.allowed) lost.push(review);
      answered += 1;
    } catch (error) {
      // Refused at connect: an API server takes the next replica.
      if (!established) break;
      lost.push(error);
    }
  }
  agent.destroy();
  return { answered, lost };
}

describe('a review that is being decided when the server closes', () => {
  it('is decided and answered first', async () => {
    const { promise: governance, resolve: release } = Promise.withResolvers<Governance>();
    const source: GovernanceSource = { notReady: undefined, governanceOf: () => governance };
    await using webhook = await startWebhook({ governance: source });
    const review = send(webhook, { body: reviewOf(), headers: { connection: 'keep-alive' } });
    await until('the review has begun', async () => (await webhook.metrics.inFlight.get()).values[0]?.value === 1);
    webhook.webhook.drain();
    const closed = webhook.webhook.app.close();
    release({ kind: 'ungoverned' });
    expect(await review).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await closed;
  });
});
