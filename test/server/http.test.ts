import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, mutatePath } from './support/client.ts';
import { head, rawTcp, rawTls } from './support/raw.ts';
import { reviewOf } from './support/reviews.ts';
import { startWebhook, type TestWebhook } from './support/webhook.ts';

let webhook: TestWebhook;
beforeAll(async () => {
  webhook = await startWebhook();
});
afterAll(() => webhook[Symbol.asyncDispose]());

// Whatever came before, the next review is answered.
afterEach(async () => {
  await ask(webhook, reviewOf());
});

/** Everything that comes back, until the server closes. */
async function exchange(bytes: string): Promise<string> {
  using connection = await rawTls(webhook);
  connection.socket.write(bytes, 'latin1');
  return await connection.closed;
}

function statuses(answers: string): string[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = '']) => status);
}

const stranger = '/mutate/of-a-stranger';

describe('what no HTTP client sends is refused, and the connection closed', () => {
  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['the beginning of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a version that is none', 'GET / HTTP/9.9\r\n\r\n'],
    ['a header without a name', head('/', { '': 'x' })],
    ['a header of 20 KB', head('/', { 'x-long': 'x'.repeat(20_000) })],
    ['a path of 20 KB', head(`/${'x'.repeat(20_000)}`, {})],
    ['3,000 headers', head('/', Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`x-${index}`, 'x'])))],
    ['two lengths', head('/', { 'content-length': '3\r\ncontent-length: 4' })],
    ['a length and chunks', head('/', { 'content-length': 3, 'transfer-encoding': 'chunked' })],
    ['a length that is none', head('/', { 'content-length': '-1' })],
    ['line ends that some take for one', 'POST / HTTP/1.1\nhost: x\ncontent-length: 3\n\nabc'],
    ['a folded header', 'GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c\r\n\r\n'],
    ['a header with a NUL', head('/', { 'x-nul': 'a\0b' })],
  ])('%s', async (_, bytes) => {
    const [status] = statuses(await exchange(bytes));
    expect(status).toBeOneOf(['400', '404', '431']);
  });
});

describe('a stranger gets 404 and no more', () => {
  it.each([
    ['who asks to upgrade', head(stranger, { connection: 'upgrade', upgrade: 'websocket' }, 'GET')],
    ['who speaks HTTP/1.0', `GET ${stranger} HTTP/1.0\r\n\r\n`],
    ['who wants the connection kept', head(stranger, { connection: 'keep-alive', 'content-length': 10 })],
    ['who expects something', head(stranger, { expect: 'the-unexpected', 'content-length': 8_000_000 })],
    ['who sends many requests ahead', head(stranger, {}, 'GET').repeat(500)],
    ['who hides a review behind another request', head('/', { 'content-length': 0 }) + head(stranger, {})],
  ])('%s', async (_, bytes) => {
    expect(statuses(await exchange(bytes))).toEqual(['404']);
  });

  it('who waits to be told to go on', async () => {
    const answers = await exchange(head(stranger, { expect: '100-continue', 'content-length': 8_000_000 }));
    expect(statuses(answers).at(-1)).toBe('404');
  });

  it('who asks for a tunnel, and not even that', async () => {
    expect(await exchange('CONNECT 127.0.0.1:6443 HTTP/1.1\r\nhost: 127.0.0.1:6443\r\n\r\n')).toBe('');
  });
});

describe('a caller with the secret', () => {
  const body = JSON.stringify(reviewOf());
  const length = { 'content-length': Buffer.byteLength(body) };

  it('may send reviews ahead, and gets their answers in order', async () => {
    const uids = Array.from({ length: 5 }, (_, index) => `review-${index}`);
    const requests = uids.map((uid) => {
      const text = JSON.stringify(reviewOf(undefined, { uid }));
      return head(mutatePath(webhook), { 'content-length': Buffer.byteLength(text) }) + text;
    });
    using connection = await rawTls(webhook);
    connection.socket.write(requests.join(''));
    const answers = await connection.received(/"uid":"review-4"/);
    expect([...answers.matchAll(/"uid":"(review-\d+)"/g)].map(([, uid]) => uid)).toEqual(uids);
  });

  it('may wait to be told to go on, or expect something that nobody knows', async () => {
    for (const expected of ['100-continue', 'the-unexpected']) {
      using connection = await rawTls(webhook);
      connection.socket.write(head(mutatePath(webhook), { ...length, expect: expected }) + body);
      await connection.received(/HTTP\/1\.1 200 [^]*"allowed":true/);
    }
  });

  it('may ask for the connection to be closed, whatever the answer is', async () => {
    for (const text of [body, '{', '[]']) {
      const headers = { 'content-length': Buffer.byteLength(text), connection: 'close' };
      expect(await exchange(head(mutatePath(webhook), headers) + text)).toMatch(/\r\nconnection: close\r\n/i);
    }
  });

  it('may leave at any moment', async () => {
    const request = head(mutatePath(webhook), length) + body;
    for (const part of [0, 1, 20, request.length - body.length, request.length - 1, request.length]) {
      using connection = await rawTls(webhook);
      connection.socket.write(request.slice(0, part));
      connection.socket.destroy();
      await connection.closed;
      using plain = await rawTcp(webhook.port);
      plain.socket.write('\u0016\u0003\u0001');
      plain.socket.resetAndDestroy();
      await plain.closed;
    }
  });

  it('is not led astray by chunks with extensions without end', async () => {
    const chunks = `1;${'x'.repeat(1_000_000)}\r\n{\r\n`;
    const answers = await exchange(head(mutatePath(webhook), { 'transfer-encoding': 'chunked' }) + chunks);
    expect(statuses(answers)).toEqual(['400']);
  });
});
