import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Api, type Arrived, valuesOf } from './support/api.ts';
import { OPERATOR, POD_TOKEN, startProxy, type TestProxy } from './support/proxy.ts';
import { exchange, head, Wire } from './support/wire.ts';

/** exec, attach and port-forward: after the answer 101 the connection is a stream, which the proxy does not look at. */
describe('a request for a stream', () => {
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
  afterEach(() => {
    api.arrived.length = 0;
  });

  const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Protocol: v5.channel.k8s.io'];
  const SPDY = ['Connection: Upgrade', 'Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: v4.channel.k8s.io'];
  const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';

  /** Opens a stream and gives both of its ends. */
  const open = async (lines: readonly string[] = WEBSOCKET, first = 'GET /exec HTTP/1.1', early = '') => {
    const there = new Promise<Duplex>((resolve) => {
      api.switch = (_, socket) => {
        socket.on('error', () => {});
        socket.write(SWITCHED);
        resolve(socket);
      };
    });
    const here = await Wire.open(proxy);
    here.send(head(proxy, first, lines) + early);
    await here.until('\r\n\r\n');
    return { here, there: await there };
  };

  it.each([
    ['WebSocket', WEBSOCKET, 'GET /exec HTTP/1.1'],
    ['SPDY', SPDY, 'POST /exec HTTP/1.1'],
  ])('%s: bytes go both ways as they are', async (_, lines, first) => {
    const { here, there } = await open(lines, first, 'early bytes ');
    expect(here.received).toBe(SWITCHED);
    const [arrived] = api.arrived as [Arrived];
    expect(valuesOf(arrived, 'connection')).toEqual(['Upgrade']);
    expect(valuesOf(arrived, 'authorization')).toEqual([`Bearer ${POD_TOKEN}`]);
    expect(valuesOf(arrived, 'impersonate-user')).toEqual([OPERATOR]);
    expect(await said(there, 'early bytes ')).toContain('early bytes ');
    here.send('\0\xff GET / HTTP/1.1\r\n\r\n');
    expect(await said(there, '\r\n\r\n')).toBe('\0\xff GET / HTTP/1.1\r\n\r\n');
    there.write(Buffer.from('\xfe\0answer', 'latin1'));
    expect(await here.until('answer')).toBe(`${SWITCHED}\xfe\0answer`);
    here.socket.destroy();
    await gone(there);
  });

  it('the end of one direction leaves the other open', async () => {
    const { here, there } = await open();
    here.socket.end('last of mine');
    expect(await said(there, 'last of mine')).toBe('last of mine');
    await once(there, 'end');
    there.end('and the answer');
    expect(await here.untilEnd()).toBe(`${SWITCHED}and the answer`);
  });

  it('nor does the end of the other', async () => {
    const { here, there } = await open();
    there.end('last of mine');
    expect(await here.untilEnd()).toBe(`${SWITCHED}last of mine`);
    here.socket.end('and the answer');
    expect(await said(there, 'answer')).toBe('and the answer');
    await once(there, 'end');
  });

  it('what was sent before the end arrives, also at a slow reader', async () => {
    const { here, there } = await open();
    here.socket.pause();
    here.socket.end();
    await once(there.resume(), 'end');
    // A fixed number of bytes may fit into what the system itself holds for two connections (about 8 MiB), or may not.
    const sent = await fill(there);
    there.end('END');
    // Now the last bytes are still on their way while the side that sent them is gone.
    here.socket.on('data', () => {
      here.socket.pause();
      setImmediate(() => here.socket.resume());
    });
    here.socket.resume();
    const all = await here.untilEnd();
    expect(all.length).toBe(SWITCHED.length + sent + 3);
    expect(all.endsWith('xEND')).toBe(true);
  });

  it('a side that vanishes takes the other with it', async () => {
    const first = await open();
    first.here.socket.destroy();
    await gone(first.there);
    const second = await open();
    second.there.destroy();
    await second.here.untilEnd();
  });

  it('a reader that is slow slows the writer down, in both directions', async () => {
    const { here, there } = await open();
    here.socket.pause();
    there.pause();
    for (const end of [here.socket, there]) expect(await fill(end)).toBeLessThan(MOST_HELD);
    here.socket.destroy();
  });

  it('an answer that is no stream is passed on', async () => {
    api.switch = (_, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 15\r\nX-From: there\r\n\r\n{"code":"no"}..');
    };
    const answer = await exchange(proxy, 'GET /exec HTTP/1.1', WEBSOCKET);
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(answer).toMatch(/^X-From: there\r$/m);
    expect(answer).toMatch(/\r\n\r\n\{"code":"no"\}\.\.$/);
  });

  it('an API server that breaks off is told of', async () => {
    api.switch = (_, socket) => socket.destroy();
    expect(await exchange(proxy, 'GET /exec HTTP/1.1', WEBSOCKET)).toMatch(/^HTTP\/1\.1 502 [^]*Next: /);
  });

  it.each([
    ['no token', ['Authorization: Bearer x'], 401],
    ['another host', ['Host: rebound.example'], 403],
    ['a body first', ['Content-Length: 3'], 400],
  ])('%s: refused', async (_, lines, code) => {
    expect(await exchange(proxy, 'POST /exec HTTP/1.1', [...WEBSOCKET, ...lines], 'abc')).toMatch(
      new RegExp(`^HTTP/1.1 ${code} `),
    );
    expect(api.arrived).toEqual([]);
  });

  it('another protocol is not switched to: cleartext HTTP/2 would be a tunnel past every check', async () => {
    api.answer = (_, response) => response.end('plain');
    const lines = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
    const wire = await Wire.open(proxy);
    wire.send(head(proxy, 'GET /api HTTP/1.1', lines));
    expect(await wire.until('plain')).toMatch(/^HTTP\/1\.1 200 /);
    wire.send(head(proxy, 'GET /next HTTP/1.1', ['Authorization: Bearer x', 'Connection: close']));
    expect(await wire.untilEnd()).toMatch(/HTTP\/1\.1 401 /);
    expect(api.arrived).toHaveLength(1);
    const [arrived] = api.arrived as [Arrived];
    expect([...valuesOf(arrived, 'upgrade'), ...valuesOf(arrived, 'http2-settings')]).toEqual([]);
  });

  it('after a refused stream the connection is not used again', async () => {
    const smuggled = head(proxy, 'GET /smuggled HTTP/1.1');
    api.switch = (_, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
    await exchange(proxy, 'GET /exec HTTP/1.1', WEBSOCKET, smuggled);
    expect(api.arrived.map(({ url }) => url)).toEqual(['/exec']);
  });

  it('ends at once with the proxy', async () => {
    const other = await startProxy(api);
    const there = new Promise<Duplex>((resolve) => {
      api.switch = (_, socket) => {
        socket.on('error', () => {});
        socket.write(SWITCHED);
        resolve(socket);
      };
    });
    const here = await Wire.open(other);
    here.send(head(other, 'GET /exec HTTP/1.1', WEBSOCKET));
    await here.until('\r\n\r\n');
    const end = gone(await there);
    await other.stop();
    await Promise.all([end, here.untilEnd()]);
  });
});

/** Waits until the other side says no more, and ends as a server does then. */
async function gone(there: Duplex): Promise<void> {
  await once(there.resume(), 'end');
  there.end();
  await once(there, 'close');
}

/** Reads until a text has come. */
async function said(from: Duplex, text: string): Promise<string> {
  let all = '';
  while (!all.includes(text)) {
    const piece: unknown = from.read();
    if (piece === null) await once(from, 'readable');
    else all += (piece as Buffer).toString('latin1');
  }
  return all;
}

/** No way holds as much, unless somebody on it takes what the next does not want yet. */
const MOST_HELD = 64 * 1_048_576;

/** Writes until the way is full, and gives the number of bytes. */
async function fill(to: Duplex): Promise<number> {
  const piece = Buffer.alloc(65_536, 'x');
  let written = 0;
  while (written < MOST_HELD) {
    written += piece.length;
    if (!to.write(piece) && !(await drainedSoon(to))) break;
  }
  return written;
}

/** Whether more may be written within a moment in which any proxy would have made room. */
async function drainedSoon(to: Duplex): Promise<boolean> {
  return once(to, 'drain', { signal: AbortSignal.timeout(500) }).then(
    () => true,
    () => false,
  );
}
