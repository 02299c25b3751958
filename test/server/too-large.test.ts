import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODY_LIMIT } from '../../src/admission/load.ts';
import { ask, keepAlive, mutatePath, send } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { head, rawTls } from './support/raw.ts';
import { pod, reviewOf } from './support/reviews.ts';

// A process of its own: in this one, server and client would take turns, and a reset connection could not overtake the
// answer as it did.
let webhook: WebhookProcess;
beforeAll(async () => {
  webhook = await WebhookProcess.start();
});
afterAll(() => webhook[Symbol.asyncDispose]());

/** A review that has this many bytes. */
function reviewOfSize(bytes: number): string {
  const review = (padding: number) =>
    JSON.stringify(reviewOf(pod({}, { annotations: { padding: 'x'.repeat(padding) } })));
  return review(bytes - review(0).length);
}

const TOO_LARGE = { code: 'ReviewTooLarge', message: `the body is longer than ${BODY_LIMIT} bytes` };

describe('a body of 25 MB', () => {
  it('is refused by an answer that a client sees while it is still sending', async () => {
    using agent = keepAlive();
    for (let round = 0; round < 20; round += 1) {
      const reply = await send(webhook.endpoint, { body: reviewOfSize(25_000_000), agent });
      expect(reply).toMatchObject({ status: 413, json: TOO_LARGE });
    }
  });

  it('is refused as soon as its length is announced', async () => {
    using connection = await rawTls(webhook.endpoint);
    connection.socket.write(head(mutatePath(webhook.endpoint), { 'content-length': 25_000_000 }));
    expect(await connection.received(/\r\n\r\n\{.*\}/)).toContain('HTTP/1.1 413 ');
  });

  it('is refused once it is too long, when its length is not announced', async () => {
    using connection = await rawTls(webhook.endpoint);
    connection.socket.write(head(mutatePath(webhook.endpoint), { 'transfer-encoding': 'chunked' }));
    const chunk = 'x'.repeat(1_000_000);
    for (let sent = 0; sent < 25; sent += 1) connection.socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    expect(await connection.received(/\r\n\r\n\{.*\}/)).toContain('HTTP/1.1 413 ');
  });
});

describe('a body of what two objects of an API server may have', () => {
  it('is answered, up to the last byte', async () => {
    using agent = keepAlive();
    const largest = reviewOfSize(BODY_LIMIT);
    expect(Buffer.byteLength(largest)).toBe(BODY_LIMIT);
    expect(await send(webhook.endpoint, { body: largest, agent })).toMatchObject({
      status: 200,
      json: { response: { allowed: true } },
    });
    expect(await send(webhook.endpoint, { body: `${largest} `, agent })).toMatchObject({ status: 413 });
    // On the same connection, which has not lost its place in the stream.
    expect(await ask(webhook.endpoint, reviewOf(), { agent })).toMatchObject({ allowed: true });
  });

  it('is answered when it comes in chunks', async () => {
    using connection = await rawTls(webhook.endpoint);
    const body = reviewOfSize(3_000_000);
    connection.socket.write(head(mutatePath(webhook.endpoint), { 'transfer-encoding': 'chunked' }));
    connection.socket.write(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    expect(await connection.received(/"allowed":true/)).toContain('HTTP/1.1 200 ');
  });
});
