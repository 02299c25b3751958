import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Api } from './support/api.ts';
import { POD_TOKEN, startProxy } from './support/proxy.ts';
import { exchange } from './support/wire.ts';

/** Each failure behind the proxy, as a Status object that every client shows. */
describe('an API server that', () => {
  let api: Api;
  let other: Api;
  beforeAll(async () => {
    api = await Api.start();
    other = await Api.start(['127.0.0.2']);
  });
  afterAll(async () => {
    await api.stop();
    await other.stop();
  });

  const ask = async (server: URL, ca: string, method = 'GET') => {
    const proxy = await startProxy(api, { upstream: { server, ca, token: () => POD_TOKEN } });
    const answer = await exchange(proxy, `${method} /api HTTP/1.1`);
    await proxy.stop();
    const status: unknown = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
    return { answer, status };
  };

  it.each([
    ['/../../v3/users'],
    ['/api/%2e%2E/%2e%2e/v3'],
    ['/..%2f..%2fv3'],
    ['/api/..\\..\\v3'],
    ['/..;/..;/v3'],
    ['/..'],
    ['/..?x=1'],
  ])('has a place on a larger server: nobody leaves it by %s', async (path) => {
    const server = new URL('/clusters/one', api.url);
    const proxy = await startProxy(api, { upstream: { server, ca: api.ca, token: () => POD_TOKEN } });
    const before = api.arrived.length;
    const stream = ['Connection: Upgrade', 'Upgrade: websocket'];
    for (const lines of [[], stream]) {
      expect(await exchange(proxy, `GET ${path} HTTP/1.1`, lines)).toMatch(
        /^HTTP\/1\.1 400 [^]*out of \/clusters\/one.*Next: /,
      );
    }
    expect(api.arrived).toHaveLength(before);
    await exchange(proxy, 'GET /api/v1/..x/a..?b=/../c HTTP/1.1');
    expect(api.arrived.at(-1)?.url).toBe('/clusters/one/api/v1/..x/a..?b=/../c');
    await proxy.stop();
  });

  it('is away: 503, and clients wait and ask again', async () => {
    const port = await freePort();
    const { answer, status } = await ask(new URL(`https://127.0.0.1:${port}`), api.ca, 'POST');
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/^Retry-After: 1\r$/m);
    expect(status).toMatchObject({ kind: 'Status', code: 503, reason: 'ServiceUnavailable' });
    expect(answer).toMatch(/cannot be reached: .*ECONNREFUSED.*Next: /);
  });

  it('another authority vouches for: nothing is sent, not even the token', async () => {
    const before = api.arrived.length;
    const { status } = await ask(api.url, other.ca);
    expect(status).toMatchObject({ code: 502, message: expect.stringMatching(/is not the Kubernetes API.*Next: /) });
    expect(api.arrived).toHaveLength(before);
  });

  it('has another name in its certificate: nothing is sent', async () => {
    const { status } = await ask(other.url, other.ca);
    expect(status).toMatchObject({ code: 502, message: expect.stringMatching(/is not the Kubernetes API.*Next: /) });
    expect(other.arrived).toHaveLength(0);
  });

  it('takes connections and says nothing: given up', async () => {
    const silent = await listening(createServer((socket) => socket.on('error', () => {})));
    const { answer } = await ask(new URL(`https://127.0.0.1:${portOf(silent)}`), api.ca);
    expect(answer).toMatch(/^HTTP\/1\.1 503 [^]*no connection within 5 s/);
    silent.close();
  });

  it('switches to another protocol unasked: 502', async () => {
    api.answer = ({ socket }) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect((await ask(api.url, api.ca)).answer).toMatch(/^HTTP\/1\.1 502 [^]*another protocol.*Next: /);
  });

  it('speaks no HTTP: 502', async () => {
    api.answer = ({ socket }) => socket.end('SSH-2.0-OpenSSH\r\n');
    const { status } = await ask(api.url, api.ca);
    expect(status).toMatchObject({ code: 502, message: expect.stringMatching(/broke off.*Next: /) });
  });

  it('has a path of its own in front: kept', async () => {
    api.answer = (_, response) => response.end('{}');
    await ask(new URL(`${api.url.origin}/k8s/clusters/c-1/`), api.ca);
    expect(api.arrived.at(-1)?.url).toBe('/k8s/clusters/c-1/api');
  });
});

async function listening(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = await listening(createServer());
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}
