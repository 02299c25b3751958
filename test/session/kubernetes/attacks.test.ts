import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Api, valuesOf } from './support/api.ts';
import { OPERATOR, POD_TOKEN, SESSION, startProxy, type TestProxy } from './support/proxy.ts';
import { exchange, head, Wire } from './support/wire.ts';

/** What the agent may try with bytes of its own making. The server behind notes what arrives. */
describe('an agent that speaks HTTP by hand', () => {
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

  /** Whatever was tried, the API server sees one identity, and it is the operator's. */
  const expectOperatorAlone = () => {
    for (const request of api.arrived) {
      expect(valuesOf(request, 'authorization')).toEqual([`Bearer ${POD_TOKEN}`]);
      expect(valuesOf(request, 'impersonate-user')).toEqual([OPERATOR]);
      const identity = request.rawHeaders.filter((name, at) => at % 2 === 0 && /imp.?erson|remote/i.test(name));
      expect(identity).toEqual(['Impersonate-User', 'Impersonate-Extra-countersign.dev%2Fsession']);
      expect(valuesOf(request, 'impersonate-extra-countersign.dev%2fsession')).toEqual([SESSION]);
    }
  };

  it.each([
    ['another user', ['Impersonate-User: bob'], 'Impersonate-User'],
    ['odd case', ['iMPERSONATE-uSER: bob'], 'Impersonate-User'],
    ['an underscore', ['Impersonate_User: bob'], 'Impersonate-User'],
    ['twice', ['Impersonate-User: bob', 'impersonate-user: carol'], 'Impersonate-User'],
    ['a group', ['Impersonate-Group: system:masters'], 'Impersonate-Group'],
    ['a uid', ['Impersonate-Uid: 1'], 'Impersonate-Uid'],
    ['the session mark', ['Impersonate-Extra-countersign.dev%2Fsession: other'], 'Impersonate-Extra-*'],
    ['the session mark, spelled otherwise', ['Impersonate-Extra-Countersign.dev%2fSession: x'], 'Impersonate-Extra-*'],
    ['a front proxy’s header', ['X-Remote-User: bob', 'X-Remote-Group: system:masters'], 'X-Remote-*'],
    ['another source address', ['X-Forwarded-For: 10.0.0.1'], 'X-Forwarded-*'],
    ['a proxy’s credentials', ['Proxy-Authorization: Bearer x'], 'Proxy-Authorization'],
    ['an audit id', ['Audit-ID: 12345678-1234-1234-1234-123456789012'], 'Audit-ID'],
    ['Connection naming the user', ['Connection: close, Impersonate-User'], 'Connection'],
    ['Connection naming the token', ['Connection: close, authorization'], 'Connection'],
    [
      'a token as a WebSocket protocol',
      ['Sec-WebSocket-Protocol: v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.Ym9i'],
      'Sec-WebSocket-Protocol',
    ],
  ])('%s: dropped, counted, and told to the caller', async (_, lines, claim) => {
    const before = proxy.dropped()[claim] ?? 0;
    const answer = await exchange(proxy, 'GET /api/v1/pods HTTP/1.1', lines);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain(`Warning: 299 countersign "${claim} dropped: this session acts as ${OPERATOR}"`);
    expect(proxy.dropped()[claim]).toBe(before + 1);
    expect(api.arrived).toHaveLength(1);
    expect(JSON.stringify(api.arrived)).not.toMatch(/bob|carol|masters|Ym9i/);
    expectOperatorAlone();
  });

  it('is told of once in the log, without a value', async () => {
    const fresh = await startProxy(api);
    for (const name of ['bob', 'carol', 'dave']) {
      await exchange(fresh, 'GET /api HTTP/1.1', [`Impersonate-User: ${name}`]);
    }
    expect(fresh.lines).toEqual([{ counts: { 'Impersonate-User': 1 }, message: expect.stringContaining('dropped') }]);
    await fresh.stop();
    expect(fresh.lines[1]).toMatchObject({ counts: { 'Impersonate-User': 2 } });
    expect(JSON.stringify(fresh.lines)).not.toMatch(/bob|carol|dave/);
  });

  it.each([
    ['none', 'Authorization: '],
    ['another', 'Authorization: Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['a shorter one', 'Authorization: Bearer A'],
    ['the pod’s own', `Authorization: Bearer ${POD_TOKEN}`],
    ['a scheme that is not bearer', 'Authorization: Basic YWxpY2U6eA=='],
  ])('without the local token (%s) nothing goes on', async (_, line) => {
    const answer = await exchange(proxy, 'GET /api HTTP/1.1', [line]);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toContain('"reason":"Unauthorized"');
    expect(answer).toContain('Next: ');
    expect(api.arrived).toEqual([]);
  });

  it('takes the token neither from the query nor from a WebSocket protocol', async () => {
    const { token } = proxy.secrets;
    const encoded = Buffer.from(token).toString('base64url');
    const none = 'Authorization: ';
    const answers = [
      await exchange(proxy, `GET /api?access_token=${token}&token=${token} HTTP/1.1`, [none]),
      await exchange(proxy, 'GET /api HTTP/1.1', [
        none,
        'Connection: Upgrade',
        'Upgrade: websocket',
        `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${encoded}`,
      ]),
    ];
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(api.arrived).toEqual([]);
  });

  it('takes the scheme in any case, as the Python client writes it small', async () => {
    for (const scheme of ['bearer', 'BEARER', 'Bearer']) {
      const line = `Authorization: ${scheme} ${proxy.secrets.token}`;
      expect(await exchange(proxy, 'GET /api HTTP/1.1', [line])).toMatch(/^HTTP\/1\.1 200 /);
    }
  });

  it.each([
    ['a name that leads to loopback', 'Host: rebound.example'],
    ['a name with the right port', 'Host: rebound.example:PORT'],
    ['another port', 'Host: 127.0.0.1:1'],
    ['the API server’s own name', 'Host: kubernetes.default.svc'],
    ['a name before the address', 'Host: evil@127.0.0.1:PORT'],
    ['nothing', 'Host: '],
  ])('Host with %s: refused', async (_, line) => {
    const answer = await exchange(proxy, 'GET /api HTTP/1.1', [line.replace('PORT', `${proxy.port}`)]);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(api.arrived).toEqual([]);
  });

  it('Host localhost, in any case: let in', async () => {
    const line = `Host: LocalHost:${proxy.port}`;
    expect(await exchange(proxy, 'GET /api HTTP/1.1', [line])).toMatch(/^HTTP\/1\.1 200 /);
    expect(valuesOf(api.arrived[0] as Api['arrived'][0], 'host')).toEqual([api.url.host]);
  });

  it.each([
    ['an absolute URL', 'GET https://elsewhere.example/api HTTP/1.1', 400],
    ['an absolute URL of this proxy', 'GET https://127.0.0.1/api HTTP/1.1', 400],
    ['no path', 'OPTIONS * HTTP/1.1', 400],
    ['TRACE', 'TRACE /api HTTP/1.1', 405],
    ['a method of WebDAV', 'PROPFIND /api HTTP/1.1', 405],
    ['HTTP/1.0', 'GET /api HTTP/1.0', 400],
    ['the beginning of HTTP/2', 'PRI * HTTP/2.0', 400],
    ['HTTP/0.9', 'GET /api', 400],
  ])('%s: refused', async (_, first, code) => {
    expect(await exchange(proxy, first)).toMatch(new RegExp(`^HTTP/1.1 ${code} `));
    expect(api.arrived).toEqual([]);
  });

  it('CONNECT opens nothing', async () => {
    expect(await exchange(proxy, 'CONNECT elsewhere.example:443 HTTP/1.1')).not.toMatch(/^HTTP\/1\.1 2/);
    expect(api.arrived).toEqual([]);
  });

  it('a path goes on as it was written', async () => {
    for (const path of ['//api/%2e%2e/x', '/api/../apis?a=%00&b=%2F', '/api/v1/namespaces/x/pods/y:z/proxy//a;b']) {
      expect(await exchange(proxy, `GET ${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 200 /);
      expect(api.arrived.at(-1)?.url).toBe(path);
    }
  });

  const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\nImpersonate-User: bob\r\n\r\n';

  it.each([
    ['both lengths', ['Content-Length: 6', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`],
    ['both lengths, the other way round', ['Transfer-Encoding: chunked', 'Content-Length: 6'], `0\r\n\r\n${SMUGGLED}`],
    ['two Content-Lengths', ['Content-Length: 0', `Content-Length: ${SMUGGLED.length}`], SMUGGLED],
    ['two equal Content-Lengths', ['Content-Length: 3', 'Content-Length: 3'], 'abc'],
    ['a Content-Length list', ['Content-Length: 3, 3'], 'abc'],
    ['a signed Content-Length', ['Content-Length: +3'], 'abc'],
    ['a hexadecimal Content-Length', ['Content-Length: 0x3'], 'abc'],
    ['an unknown coding', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${SMUGGLED}`],
    ['chunked before another coding', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${SMUGGLED}`],
    ['two Transfer-Encodings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a vertical tab before chunked', ['Transfer-Encoding: \vchunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a blank before the colon', ['Transfer-Encoding : chunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a folded line', ['X: a\r\n Transfer-Encoding: chunked', 'Content-Length: 5'], `0\r\n\r\n${SMUGGLED}`],
    ['a bare line feed', ['X: a\nTransfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a bare carriage return', ['X: a\rTransfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`],
    ['a NUL in a value', ['X: a\0b'], ''],
    ['a chunk size with a sign', ['Transfer-Encoding: chunked'], `-1\r\n${SMUGGLED}`],
    ['a chunk that ends late', ['Transfer-Encoding: chunked'], `1\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
    ['two Hosts', ['Host: 127.0.0.1:1', 'Host: 127.0.0.1:1'], ''],
    ['two tokens', ['Authorization: Bearer a', 'Authorization: Bearer b'], ''],
  ])('%s: never a request of its own', async (_, lines, body) => {
    const answer = await exchange(proxy, 'POST /api/v1/namespaces HTTP/1.1', lines, body);
    expect(answer).not.toMatch(/^HTTP\/1\.1 2/);
    expect(api.arrived.filter(({ url }) => url.includes('smuggled'))).toEqual([]);
    expectOperatorAlone();
  });

  it('a body where nobody said that there is one is a request of its own, with all that this needs', async () => {
    const answer = await exchange(proxy, 'GET /api HTTP/1.1', ['Connection: keep-alive'], SMUGGLED);
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*HTTP\/1\.1 403 /);
    expect(api.arrived.map(({ url }) => url)).toEqual(['/api']);
  });

  it.each([
    ['with the token', []],
    ['without it', ['Authorization: ']],
  ])(
    'a stream asked for behind a request without an answer ends the connection, and nothing else: %s',
    async (_, more) => {
      const arrived = Promise.withResolvers<void>();
      api.answer = () => arrived.resolve();
      const wire = await Wire.open(proxy);
      wire.send(head(proxy, 'GET /api?watch=true HTTP/1.1'));
      await arrived.promise;
      wire.send(head(proxy, 'GET /exec HTTP/1.1', ['Connection: Upgrade', 'Upgrade: websocket', ...more]));
      expect(await wire.untilEnd()).toBe('');
      expect(api.arrived.map(({ url }) => url)).toEqual(['/api?watch=true']);
      api.answer = (__, response) => response.end('{}');
      expect(await exchange(proxy, 'GET /api HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /);
    },
  );

  it('a stream asked for after an answer, on the same connection, goes on', async () => {
    api.answer = (_, response) => response.end('{}');
    api.switch = (_, socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello');
    const wire = await Wire.open(proxy);
    await wire.send(head(proxy, 'GET /api HTTP/1.1')).until('{}');
    wire.send(head(proxy, 'GET /exec HTTP/1.1', ['Connection: Upgrade', 'Upgrade: websocket']));
    expect(await wire.until('hello')).toContain('HTTP/1.1 101 ');
    wire.socket.destroy();
  });

  it('thousands of headers do not push the length of the body out of sight', async () => {
    const many = Array.from({ length: 2_500 }, () => 'a:');
    const body = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    api.answer = (request, response) => {
      request.resume().on('end', () => response.end('{}'));
    };
    const answer = await exchange(proxy, 'POST /api HTTP/1.1', [...many, `Content-Length: ${body.length}`], body);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(api.arrived.map(({ url }) => url)).toEqual(['/api']);
  });

  it('headers of more than 16 KiB: refused', async () => {
    expect(await exchange(proxy, 'GET /api HTTP/1.1', [`Accept: ${'x'.repeat(17_000)}`])).toMatch(/^HTTP\/1\.1 431 /);
    expect(api.arrived).toEqual([]);
  });

  it('a request that never ends its headers is ended', async () => {
    const wire = await Wire.open(proxy);
    const begun = wire.send(head(proxy, 'GET /api HTTP/1.1').slice(0, -2)).untilEnd();
    const other = exchange(proxy, 'GET /api HTTP/1.1');
    expect(await other).toMatch(/^HTTP\/1\.1 200 /);
    expect(await begun).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('more connections than 128 are not taken, and those there are go on', async () => {
    const own = await startProxy(api);
    const first = await Wire.open(own);
    const others = Array.from({ length: 127 }, () => connect(own.port, '127.0.0.1').on('error', () => {}));
    await Promise.all(others.map((each) => once(each, 'connect')));
    await expect(Wire.open(own)).rejects.toThrow(/socket|ECONNRESET/);
    expect(await first.send(head(own, 'GET /api HTTP/1.1', ['Connection: close'])).untilEnd()).toMatch(/ 200 /);
    await own.stop();
  });

  it('more than 128 requests at once on one connection are answered with 429, and all others go on', async () => {
    const waiting: (() => void)[] = [];
    let last = () => {};
    const all = new Promise<void>((resolve) => {
      last = resolve;
    });
    api.answer = (_, response) => {
      waiting.push(() => response.end('{}'));
      if (waiting.length === 128) last();
    };
    const wire = await Wire.open(proxy);
    wire.send(head(proxy, 'GET /api HTTP/1.1').repeat(150));
    await all;
    const other = await exchange(proxy, 'GET /api HTTP/1.1');
    expect(other).toMatch(/^HTTP\/1\.1 429 /);
    expect(other).toMatch(/^Retry-After: 1\r$/m);
    api.answer = (_, response) => response.end('{}');
    for (const release of waiting) release();
    await wire.untilEnd();
    expect(api.arrived).toHaveLength(128);
    expect(await exchange(proxy, 'GET /api HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /);
  });
});
