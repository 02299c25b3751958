import { createSecureContext } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { until } from '../cluster/until.ts';
import { ask, keepAlive, mutatePath } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { head, type RawConnection, rawTcp, rawTls } from './support/raw.ts';
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

describe('1,000 connections at once', () => {
  const CLEAR = /^HTTP\/1\.1 (200 OK\r\n[^]*"allowed":true|503 [^]*retry-after: 1\r\n[^]*"code":"Overloaded")/;
  const text = JSON.stringify(reviewOf());

  it('all get an answer to their review', async () => {
    await using webhook = await WebhookProcess.start();
    // The certificate authority is read once for all of them, so that the clients take less time than the server.
    const secureContext = createSecureContext({ ca: webhook.ca });
    const request = head(mutatePath(webhook.endpoint), { 'content-length': text.length, connection: 'close' }) + text;
    const review = async () => {
      using connection = await patiently(() => rawTls(webhook.endpoint, { secureContext }));
      connection.socket.write(request);
      return await connection.closed;
    };
    const answers = await Promise.all(Array.from({ length: 1_000 }, review));
    expect(answers.filter((answer) => !CLEAR.test(answer))).toEqual([]);
    expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 200')).length).toBeGreaterThan(0);
    expect(await ask(webhook.endpoint, reviewOf())).toMatchObject({ allowed: true });
    await webhook.counted('countersign_reviews_in_flight', {}, 0);
  });

  it('that all stay open all get an answer to reviews sent at the same moment', async () => {
    await using webhook = await WebhookProcess.start();
    const secureContext = createSecureContext({ ca: webhook.ca });
    const request = head(mutatePath(webhook.endpoint), { 'content-length': text.length }) + text;
    const connections: RawConnection[] = [];
    for (let wave = 0; wave < 10; wave += 1) {
      const more = await Promise.all(Array.from({ length: 100 }, () => rawTls(webhook.endpoint, { secureContext })));
      // Or the server would close those that are opened first for want of a request.
      for (const { socket } of more) socket.write(request);
      await Promise.all(more.map((each) => each.received(CLEAR)));
      connections.push(...more);
    }
    expect(await webhook.metric('process_open_fds')).toBeGreaterThan(1_000);
    for (const { socket } of connections) socket.write(request);
    await Promise.all(
      connections.map((each) => each.received(/"allowed":true[^]*HTTP[^]*("allowed":true|"Overloaded")/)),
    );
    for (const { socket } of connections) socket.destroy();
    expect(await ask(webhook.endpoint, reviewOf())).toMatchObject({ allowed: true });
  });
});

/** Tries again when a handshake took longer than the server waits, as it may on a busy machine; nothing is sent yet. */
async function patiently(connect: () => Promise<RawConnection>): Promise<RawConnection> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connect();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET' || attempt === 5) throw error;
    }
  }
}

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
