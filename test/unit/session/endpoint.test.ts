import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { serveCredentials } from '../../../src/session/endpoint.ts';
import { askEndpoint } from '../../session/support/ask-endpoint.ts';

const TOKEN = 'a'.repeat(43);
const KEYS = {
  accessKeyId: 'ASIA1',
  secretAccessKey: 'secret',
  sessionToken: 'token',
  expiration: new Date('2026-01-02T03:04:05.999Z'),
};

let now: typeof KEYS | undefined = KEYS;
let later: typeof KEYS | undefined;
const endpoint = await serveCredentials({
  port: 0,
  token: TOKEN,
  credentials: { current: () => now, soon: () => Promise.resolve(later) },
});
const { port } = endpoint;
afterAll(() => endpoint.stop());

describe('the credentials endpoint', () => {
  test('answers as SDKs expect', async () => {
    const { status, headers, body } = await askEndpoint({ port, token: TOKEN });
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(body).toEqual({
      AccessKeyId: 'ASIA1',
      SecretAccessKey: 'secret',
      Token: 'token',
      Expiration: '2026-01-02T03:04:05Z',
    });
  });

  test('to localhost too', async () => {
    const headers = { host: `localhost:${port}` };
    expect(await askEndpoint({ port, token: TOKEN, headers })).toMatchObject({ status: 200 });
  });

  test.for([
    ['no token', { token: '' }, 401, 'TokenInvalid'],
    ['another token', { token: 'b'.repeat(43) }, 401, 'TokenInvalid'],
    ['a part of it', { token: TOKEN.slice(1) }, 401, 'TokenInvalid'],
    ['more than it', { token: `${TOKEN}a` }, 401, 'TokenInvalid'],
    ['with a scheme', { token: `Bearer ${TOKEN}` }, 401, 'TokenInvalid'],
    ['the token in the query alone', { token: '', path: `/v1/credentials?token=${TOKEN}` }, 404, 'NotFound'],
    ['another path', { token: TOKEN, path: '/' }, 404, 'NotFound'],
    ['a longer path', { token: TOKEN, path: '/v1/credentials/' }, 404, 'NotFound'],
    ['a path that leads there', { token: TOKEN, path: '/x/../v1/credentials' }, 404, 'NotFound'],
    ['an absolute URL', { token: TOKEN, path: `http://127.0.0.1:${port}/v1/credentials` }, 404, 'NotFound'],
    ['POST', { token: TOKEN, method: 'POST' }, 405, 'MethodNotAllowed'],
    ['PUT', { token: TOKEN, method: 'PUT' }, 405, 'MethodNotAllowed'],
    ['OPTIONS, as browsers ask first', { token: TOKEN, method: 'OPTIONS' }, 405, 'MethodNotAllowed'],
    ['a name that was pointed here', { token: TOKEN, headers: { host: 'evil.example' } }, 403, 'HostNotAllowed'],
    ['another port', { token: TOKEN, headers: { host: '127.0.0.1:80' } }, 403, 'HostNotAllowed'],
    ['no port', { token: TOKEN, headers: { host: '127.0.0.1' } }, 403, 'HostNotAllowed'],
  ] as const)('%s: refused, without a key', async ([, asked, status, code]) => {
    const answer = await askEndpoint({ port, ...asked });
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.body['message']).toContain('Next: ');
    expect(JSON.stringify(answer.body)).not.toMatch(/ASIA1|secret|aaaa/);
  });

  test('HEAD has no body, and no key', async () => {
    expect(await askEndpoint({ port, token: TOKEN, method: 'HEAD' })).toMatchObject({ status: 405, body: {} });
  });

  test('two tokens are none', async () => {
    const sent = request({ host: '127.0.0.1', port, path: '/v1/credentials', agent: false });
    sent.setHeader('authorization', ['wrong', TOKEN]);
    sent.end();
    const [response] = (await once(sent, 'response')) as [{ statusCode: number } & NodeJS.ReadableStream];
    expect(response.statusCode).toBe(401);
    await text(response);
  });

  test('headers without end are cut off', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET /v1/credentials HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nx: ${'y'.repeat(20_000)}`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('no host, which HTTP/1.1 does not have', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET /v1/credentials HTTP/1.1\r\nauthorization: ${TOKEN}\r\nconnection: close\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('expired: what SDKs try again', async () => {
    now = undefined;
    const answer = await askEndpoint({ port, token: TOKEN });
    expect(answer).toMatchObject({ status: 503, body: { code: 'CredentialsExpired' } });
    now = KEYS;
  });

  test('expired, and renewed while the client waits; never the old ones again', async () => {
    now = undefined;
    later = { ...KEYS, accessKeyId: 'ASIA2' };
    expect(await askEndpoint({ port, token: TOKEN })).toMatchObject({ status: 200, body: { AccessKeyId: 'ASIA2' } });
    now = later;
    expect(await askEndpoint({ port, token: TOKEN })).toMatchObject({ status: 200, body: { AccessKeyId: 'ASIA2' } });
    now = KEYS;
  });

  test('one connection serves many requests', async () => {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    const head = `GET /v1/credentials HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: ${TOKEN}\r\n`;
    socket.write(`${head}\r\n${head}\r\n${head}connection: close\r\n\r\n`);
    expect((await text(socket)).match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
  });

  test('whatever comes, it goes on', async () => {
    const piece = fc.constantFrom(
      'GET /v1/credentials HTTP/1.1\r\n',
      'PRI * HTTP/2.0\r\n',
      'CONNECT 127.0.0.1:1 HTTP/1.1\r\n',
      `host: 127.0.0.1:${port}\r\n`,
      `authorization: ${TOKEN}\r\n`,
      'connection: upgrade\r\nupgrade: websocket\r\n',
      'expect: 100-continue\r\n',
      'content-length: 5\r\n',
      'transfer-encoding: chunked\r\n',
      '\r\n',
      '\0',
      'x',
    );
    const conversation = async (pieces: readonly string[]): Promise<void> => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      const closed = once(socket, 'close');
      socket.resume().end(pieces.join(''));
      await closed;
      expect(await askEndpoint({ port, token: TOKEN })).toMatchObject({ status: 200 });
    };
    const property = fc.asyncProperty(fc.array(piece, { maxLength: 20 }), conversation);
    await fc.assert(property, { numRuns: 200 });
  });
});
