import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../../src/errors.ts';
import { Api, valuesOf } from './support/api.ts';
import { startProxy, type TestProxy } from './support/proxy.ts';
import { exchange, head, Wire } from './support/wire.ts';

describe('what goes through the proxy', () => {
  let api: Api;
  let proxy: TestProxy;
  beforeAll(async () => {
    api = await Api.start();
    proxy = await startProxy(api);
  });
  afterAll(async () => {
    await proxy.stop();
    await api.stop();
  });
  beforeEach(() => {
    api.answer = (_, response) => response.end('{}');
  });
  afterEach(() => {
    api.arrived.length = 0;
  });

  /** Waits for the next request, and leaves its answer to the test. */
  const nextRequest = () =>
    new Promise<[IncomingMessage, ServerResponse]>((resolve) => {
      api.answer = (...both) => resolve(both);
    });

  it('a watch: headers at once, and every line when it comes', async () => {
    const asked = nextRequest();
    const wire = await Wire.open(proxy);
    wire.send(head(proxy, 'GET /api/v1/pods?watch=1 HTTP/1.1', ['Accept-Encoding: gzip']));
    const [, response] = await asked;
    response.setHeader('Content-Type', 'application/json').flushHeaders();
    expect(await wire.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
    for (const line of ['{"type":"ADDED"}', '{"type":"MODIFIED"}']) {
      response.write(`${line}\n`);
      await wire.until(line);
    }
    wire.socket.destroy();
    // Nobody watches any more, so nobody is watching there either.
    await once(response, 'close');
  });

  it('what the caller says of its request, and what the server says of its answer', async () => {
    api.answer = (_, response) => {
      response.writeHead(409, 'Conflict', {
        'X-Kubernetes-Pf-Flowschema-Uid': 'x',
        ETag: 'W/"1"',
        Warning: '299 - "old"',
      });
      response.end('{"kind":"Status"}');
    };
    const lines = ['accept: application/json;as=Table', 'IF-MATCH: "1"', 'kubectl-command: kubectl get', 'Cookie: a=b'];
    const answer = await exchange(proxy, 'GET /api HTTP/1.1', lines);
    expect(answer).toMatch(/^HTTP\/1\.1 409 Conflict\r\n/);
    expect(answer).toMatch(/^X-Kubernetes-Pf-Flowschema-Uid: x\r$/m);
    expect(answer).toMatch(/^Warning: 299 - "old"\r$/m);
    expect(answer).toMatch(/\{"kind":"Status"\}/);
    const [arrived] = api.arrived;
    expect(arrived?.rawHeaders).toEqual(
      expect.arrayContaining(['Accept', 'application/json;as=Table', 'If-Match', '"1"']),
    );
    expect(JSON.stringify(arrived)).not.toContain('a=b');
  });

  it.each([
    ['with its length', ['Content-Length: 11'], 'hello there'],
    ['in chunks', ['Transfer-Encoding: chunked'], '6\r\nhello \r\n5\r\nthere\r\n0\r\n\r\n'],
  ])('a body %s', async (_, lines, body) => {
    api.answer = (request, response) => void request.toArray().then((pieces) => response.end(Buffer.concat(pieces)));
    for (const method of ['POST', 'PATCH', 'DELETE', 'GET']) {
      expect(await exchange(proxy, `${method} /api HTTP/1.1`, lines, body)).toContain('hello there');
    }
  });

  it('a POST without a body says so', async () => {
    await exchange(proxy, 'POST /api HTTP/1.1');
    const [arrived] = api.arrived;
    expect(valuesOf(arrived as NonNullable<typeof arrived>, 'content-length')).toEqual(['0']);
  });

  it('a body that waits to be asked for is asked for by the API server', async () => {
    const asked = nextRequest();
    const wire = await Wire.open(proxy);
    wire.send(head(proxy, 'POST /api HTTP/1.1', ['Content-Length: 5', 'Expect: 100-continue', 'Connection: close']));
    const [request, response] = await asked;
    expect(wire.received).toBe('');
    response.writeContinue();
    expect(await wire.until('100 Continue')).toMatch(/^HTTP\/1\.1 100 Continue\r\n/);
    wire.send('hello');
    response.end(Buffer.concat(await request.toArray()));
    expect(await wire.untilEnd()).toContain('hello');
  });

  it('an answer that comes before the body ends neither the caller’s connection nor the next request', async () => {
    const wire = await Wire.open(proxy);
    api.answer = (_, response) => response.writeHead(413).end('too much');
    wire.send(`${head(proxy, 'POST /api HTTP/1.1', ['Content-Length: 2000000'])}${'x'.repeat(1_000)}`);
    await wire.until('too much');
    api.answer = (_, response) => response.end('next');
    wire.send('x'.repeat(1_999_000)).send(head(proxy, 'GET /next HTTP/1.1', ['Connection: close']));
    expect(await wire.untilEnd()).toMatch(/next/);
    expect(api.arrived.map(({ url }) => url)).toEqual(['/api', '/next']);
  });

  it('HEAD has no body, and 304 neither', async () => {
    api.answer = ({ method }, response) =>
      method === 'HEAD' ? response.setHeader('Content-Length', '5').end() : response.writeHead(304).end();
    expect(await exchange(proxy, 'HEAD /api HTTP/1.1')).toMatch(/Content-Length: 5\r\n[^]*\r\n\r\n$/);
    expect(await exchange(proxy, 'GET /api HTTP/1.1')).toMatch(/^HTTP\/1\.1 304 [^]*\r\n\r\n$/);
  });

  it('connections to the API server are used again', async () => {
    const wire = await Wire.open(proxy);
    for (let count = 1; count <= 5; count += 1) {
      api.answer = (_, response) => response.end(`answer ${count}`);
      await wire.send(head(proxy, 'GET /api HTTP/1.1')).until(`answer ${count}`);
    }
    wire.socket.destroy();
    expect(new Set(api.arrived.map(({ connection }) => connection)).size).toBe(1);
  });

  it('a connection that the API server just closed costs a reader nothing', async () => {
    const wire = await Wire.open(proxy);
    await wire.send(head(proxy, 'GET /one HTTP/1.1')).until('{}');
    let closed = false;
    api.answer = (request, response) => {
      if (closed) return void response.end('answered');
      closed = true;
      request.socket.destroy();
    };
    expect(await wire.send(head(proxy, 'GET /two HTTP/1.1')).until('answered')).toContain('answered');
    wire.socket.destroy();
    expect(api.arrived.map(({ url }) => url)).toEqual(['/one', '/two', '/two']);
  });

  it('what writes is not sent twice', async () => {
    const wire = await Wire.open(proxy);
    await wire.send(head(proxy, 'GET /one HTTP/1.1')).until('{}');
    api.answer = (request) => request.socket.destroy();
    const answer = await wire.send(head(proxy, 'DELETE /two HTTP/1.1')).until('Status');
    wire.socket.destroy();
    expect(answer).toMatch(/ 502 [^]*broke off before it answered[^]*Next: look whether what was asked has happened/);
    expect(api.arrived.map(({ url }) => url)).toEqual(['/one', '/two']);
  });

  it('an answer that breaks off does not look complete', async () => {
    api.answer = (request, response) => {
      response.write('half');
      setImmediate(() => request.socket.destroy());
    };
    const answer = await exchange(proxy, 'GET /api HTTP/1.1');
    expect(answer).not.toContain('\r\n0\r\n');
  });

  it('a caller that reads slowly slows the API server down, and nothing piles up here', async () => {
    const asked = nextRequest();
    const wire = await Wire.open(proxy);
    wire.socket.pause();
    wire.send(head(proxy, 'GET /big HTTP/1.1', ['Connection: close']));
    const [, response] = await asked;
    const piece = 'x'.repeat(65_536);
    const most = 64 * 1_048_576;
    let written = 0;
    // Written until the way is full. If it never is, the proxy keeps it all.
    while (written < most) {
      written += piece.length;
      if (!response.write(piece) && !(await drainedSoon(response))) break;
    }
    expect(written).toBeLessThan(most);
    response.end('the end');
    wire.socket.resume();
    expect((await wire.untilEnd()).match(/x/g)?.length).toBe(written);
  });

  it('a token that cannot be had is the caller’s to read about, and the next one serves', async () => {
    let missing = true;
    const token = async () => {
      if (missing) throw new Fault('KubernetesAccessFailed', 'there is no token. Next: wait');
      return 'a.b.c';
    };
    const other = await startProxy(api, { upstream: { server: api.url, ca: api.ca, token } });
    expect(await exchange(other, 'GET /api HTTP/1.1')).toMatch(/ 503 [^]*countersign: there is no token. Next: wait/);
    expect(api.arrived).toEqual([]);
    missing = false;
    expect(await exchange(other, 'GET /api HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /);
    await other.stop();
  });

  it('ends at once, whatever is under way', async () => {
    const other = await startProxy(api);
    const asked = nextRequest();
    const [watching, idle] = [await Wire.open(other), await Wire.open(other)];
    watching.send(head(other, 'GET /api/v1/pods?watch=1 HTTP/1.1'));
    const [, response] = await asked;
    response.flushHeaders();
    await watching.until('\r\n\r\n');
    const ended = once(response, 'close');
    await other.stop();
    await Promise.all([ended, watching.untilEnd(), idle.untilEnd()]);
  });
});

/** Whether more may be written within a moment in which any proxy would have made room. */
async function drainedSoon(response: ServerResponse): Promise<boolean> {
  const patience = AbortSignal.timeout(500);
  return once(response, 'drain', { signal: patience }).then(
    () => true,
    () => false,
  );
}
