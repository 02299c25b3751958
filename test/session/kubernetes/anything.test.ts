import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Api, valuesOf } from './support/api.ts';
import { OPERATOR, POD_TOKEN, startProxy, type TestProxy } from './support/proxy.ts';
import { exchange, head, Wire } from './support/wire.ts';

const FIRST_LINES = [
  'GET /x HTTP/1.1',
  'HEAD /x HTTP/1.1',
  'POST /x HTTP/1.1',
  'DELETE /x HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'TRACE /x HTTP/1.1',
  'CONNECT a:1 HTTP/1.1',
  'GET http://a/ HTTP/1.1',
  'GET /x HTTP/1.0',
  'PRI * HTTP/2.0',
];

const LINES = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Upgrade: SPDY/3.1',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Connection: close',
  'Expect: 100-continue',
  'Expect: else',
  'Impersonate-User: bob',
  'Authorization: none',
  'Host: else',
  'Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.YQ',
  'Connection: Impersonate-User',
];

/**
 * An exception that nobody catches would end the session container, for all of the pod. So bytes in any order,
 * against an API server that behaves in any way; the test run fails by itself when something is thrown.
 */
describe('whatever comes', () => {
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

  const part = fc.oneof(
    fc
      .record({
        first: fc.constantFrom(...FIRST_LINES),
        lines: fc.subarray(LINES),
      })
      .map(
        ({ first, lines }) =>
          (to: TestProxy) =>
            head(to, first, lines),
      ),
    fc
      .constantFrom('hello', '5\r\nhello\r\n', '0\r\n\r\n', '\r\n', '\0', 'GET /', 'x'.repeat(70_000))
      .map((text) => () => text),
  );
  const answer = fc.constantFrom('answer', 'late', 'never', 'cut', 'half', 'early', 'continue', 'switch', 'refuse');

  it('the proxy goes on, and the API server has seen nobody but the operator', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 6 }),
        answer,
        fc.boolean(),
        fc.constantFrom('end', 'destroy'),
        async (parts, behaviour, separately, goodbye) => {
          behave(api, behaviour);
          const wire = await Wire.open(proxy);
          for (const each of parts) {
            wire.send(each(proxy));
            // In packets of their own, so that what comes next may find an answer on its way.
            if (separately) await new Promise((resolve) => setImmediate(resolve));
          }
          if (goodbye === 'end') wire.socket.end();
          else wire.socket.destroy();
          behave(api, 'answer');
          expect(await exchange(proxy, 'GET /still-here HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /);
          for (const request of api.arrived) {
            expect(valuesOf(request, 'impersonate-user')).toEqual([OPERATOR]);
            expect(valuesOf(request, 'authorization')).toEqual([`Bearer ${POD_TOKEN}`]);
          }
          api.arrived.length = 0;
          if (!wire.socket.destroyed) {
            wire.socket.destroy();
            await once(wire.socket, 'close');
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** How the server in the API server's place deals with what arrives. */
function behave(api: Api, behaviour: string): void {
  api.answer = (request, response) => {
    request.on('error', () => {});
    if (behaviour === 'cut') request.socket.destroy();
    else if (behaviour === 'half') {
      response.write('half');
      setImmediate(() => request.socket.destroy());
    } else if (behaviour === 'late') setTimeout(() => response.end('{}'), 5);
    else if (behaviour === 'continue') {
      response.writeContinue();
      request.resume().on('end', () => response.end('{}'));
    } else if (behaviour === 'early') response.writeHead(413, { Connection: 'close' }).end('no');
    else if (behaviour !== 'never') response.end('{}');
  };
  api.switch = (_, socket) => {
    socket.on('error', () => {});
    if (behaviour === 'cut') socket.destroy();
    else if (behaviour === 'refuse') socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    else if (behaviour !== 'never') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      if (behaviour === 'half') socket.destroy();
      else socket.pipe(socket);
    }
  };
}
