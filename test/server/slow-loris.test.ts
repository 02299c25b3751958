import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProbes } from '../../src/admission/probes.ts';
import { until } from '../cluster/until.ts';
import { ask, mutatePath, send } from './support/client.ts';
import { head, rawTcp, rawTls } from './support/raw.ts';
import { reviewOf } from './support/reviews.ts';
import { startWebhook, type TestWebhook } from './support/webhook.ts';

let webhook: TestWebhook;
beforeAll(async () => {
  webhook = await startWebhook();
});
afterAll(() => webhook[Symbol.asyncDispose]());

/** Writes a text byte by byte, again and again, until the other side has had enough. */
function drip(socket: Socket, text: string | Buffer): void {
  const bytes = Buffer.from(text);
  let index = 0;
  const timer = setInterval(() => {
    socket.write(bytes.subarray(index, index + 1));
    index = (index + 1) % bytes.length;
  }, 100);
  socket.once('close', () => clearInterval(timer));
}

/** The beginning of a ClientHello, whose header promises more than ever comes. */
const CLIENT_HELLO = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);

describe.concurrent('a connection that takes its time is closed by the server', () => {
  it('when the body never ends, though the secret was right; and the place it took is free again', async () => {
    await using fresh = await startWebhook({ limits: { reviews: 1, bytes: 1024 * 1024 } });
    using connection = await rawTls(fresh);
    connection.socket.write(head(mutatePath(fresh), { 'content-length': 100_000 }));
    drip(connection.socket, ' ');
    await until('the review has begun', async () => (await fresh.metrics.inFlight.get()).values[0]?.value === 1);
    expect((await send(fresh, { body: reviewOf() })).status).toBe(503);
    expect(await connection.closed).toMatch(/^HTTP\/1\.1 408 /);
    await until('the review is over', async () => (await fresh.metrics.inFlight.get()).values[0]?.value === 0);
    expect(await ask(fresh, reviewOf())).toMatchObject({ allowed: true });
  });

  it('when no header comes, or one byte at a time and never the end of it', async () => {
    using silent = await rawTls(webhook);
    using dripping = await rawTls(webhook);
    dripping.socket.write(`POST ${mutatePath(webhook)} HTTP/1.1\r\n`);
    drip(dripping.socket, 'x-slow: loris\r\n');
    expect(await silent.closed).toMatch(/^HTTP\/1\.1 408 /);
    expect(await dripping.closed).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('when the second request on a connection never gets its header together', async () => {
    using connection = await rawTls(webhook);
    const body = JSON.stringify(reviewOf());
    connection.socket.write(head(mutatePath(webhook), { 'content-length': Buffer.byteLength(body) }) + body);
    await connection.received(/"allowed":true/);
    connection.socket.write(`POST ${mutatePath(webhook)} HTTP/1.1\r\n`);
    drip(connection.socket, 'x-slow: loris\r\n');
    expect(await connection.closed).toMatch(/HTTP\/1\.1 408 /);
  });

  it('when it is one to the listener of the probes', async () => {
    const probes = createProbes(webhook.metrics.registry, () => undefined);
    await probes.listen({ host: '127.0.0.1', port: 0 });
    const { port } = probes.server.address() as AddressInfo;
    using silent = await rawTcp(port);
    using dripping = await rawTcp(port);
    dripping.socket.write('GET /livez HTTP/1.1\r\n');
    drip(dripping.socket, 'x-slow: loris\r\n');
    expect(await silent.closed).toMatch(/^HTTP\/1\.1 408 /);
    expect(await dripping.closed).toMatch(/^HTTP\/1\.1 408 /);
    await probes.close();
  });

  it('when a TLS handshake is not begun, or comes one byte at a time and never ends', async () => {
    using silent = await rawTcp(webhook.port);
    using dripping = await rawTcp(webhook.port);
    dripping.socket.write(CLIENT_HELLO);
    drip(dripping.socket, 'x');
    await Promise.all([silent.closed, dripping.closed]);
  });
});

describe('a connection that is merely idle', () => {
  it('is kept for longer than API servers keep it, so that they never write into one that is being closed', async () => {
    const { headers } = await send(webhook, { body: reviewOf(), headers: { connection: 'keep-alive' } });
    expect(headers['keep-alive']).toBe('timeout=95');
    expect(webhook.webhook.app.server.keepAliveTimeout).toBe(95_000);
  });
});
