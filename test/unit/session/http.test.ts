import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { exchange } from '../../../src/session/http.ts';

/** A server that answers anything with these bytes, and may hang up. */
async function ask(bytes: string, hangUp: boolean): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => (hangUp ? socket.end(bytes) : socket.write(bytes)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  try {
    const { status, body } = await exchange({ url, method: 'GET', signal: AbortSignal.timeout(300) });
    return `${status} ${body}`;
  } catch (thrown) {
    return (thrown as Error).name;
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

describe('an exchange always ends', () => {
  test.for<readonly [string, string, boolean, string]>([
    ['with an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', false, '200 ok'],
    ['with an answer that ends with the connection', 'HTTP/1.1 200 OK\r\n\r\nok', true, '200 ok'],
    ['without one', '', true, 'Error'],
    ['in the middle of one', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok', true, 'Error'],
    ['when the other side speaks something else', 'SSH-2.0-x\r\n', false, 'Error'],
    [
      'when the other side wants to speak something else',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      false,
      'Error',
    ],
    ['when there is only a promise', 'HTTP/1.1 100 Continue\r\n\r\n', false, 'AbortError'],
    ['when an answer does not go on', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok', false, 'AbortError'],
  ])('%s', async ([, bytes, hangUp, expected]) => {
    expect(await ask(bytes, hangUp)).toBe(expected);
  });
});
