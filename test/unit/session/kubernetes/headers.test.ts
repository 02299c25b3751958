import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { examine, impersonation } from '../../../../src/session/kubernetes/headers.ts';

const ALICE = { operator: 'alice@acme.com', sessionId: '0b6bd1a0-6c0f-4c05-8f5e-0d1f6f9f2a10', group: false };

describe('whom the API server is told of', () => {
  it('operator and session, and the session’s group where it has one', () => {
    const both = [
      'Impersonate-User',
      'alice@acme.com',
      'Impersonate-Extra-countersign.dev%2Fsession',
      '0b6bd1a0-6c0f-4c05-8f5e-0d1f6f9f2a10',
    ];
    expect(impersonation(ALICE)).toEqual(both);
    expect(impersonation({ ...ALICE, group: true })).toEqual([
      ...both,
      'Impersonate-Group',
      'countersign.dev:session:0b6bd1a0-6c0f-4c05-8f5e-0d1f6f9f2a10',
    ]);
  });
});

/** Letters in either case, as an attacker would mix them. */
const spelled = (name: string) =>
  fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((upper) =>
    name
      .split('')
      .map((letter, at) => (upper[at] === true ? letter.toUpperCase() : letter))
      .join(''),
  );

const identityName = fc.oneof(
  ...['impersonate-user', 'impersonate-group', 'impersonate-uid', 'impersonate-extra-scopes', 'x-remote-user'].map(
    spelled,
  ),
  ...[
    'x-remote-extra-a',
    'proxy-authorization',
    'impersonate_user',
    'x_remote_user',
    'x-forwarded-for',
    'audit-id',
  ].map(spelled),
);
const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,30}$/);
const value = fc.stringMatching(/^[ -~]{0,40}$/);
const PASSED = new Set([
  'accept',
  'accept-encoding',
  'cache-control',
  'content-encoding',
  'content-type',
  'expect',
  'if-match',
  'range',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'kubectl-command',
  'kubectl-session',
  'user-agent',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'traceparent',
  'tracestate',
  'x-stream-protocol-version',
  'content-length',
  'transfer-encoding',
]);

describe('a caller’s headers', () => {
  it('whatever they are called, only listed ones go on, and none that says who is calling', () => {
    const header = fc.tuple(fc.oneof(identityName, token, spelled('accept'), spelled('connection')), value);
    fc.assert(
      fc.property(fc.array(header, { maxLength: 20 }), (headers) => {
        const examined = examine(headers.flat());
        if (examined.kind === 'refused') return;
        const names = examined.passed.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
        for (const name of names) expect(PASSED).toContain(name);
      }),
      { numRuns: 2_000 },
    );
  });

  it('one that says who is calling is always noted', () => {
    fc.assert(
      fc.property(identityName, value, fc.array(fc.tuple(token, value)), (name, content, others) => {
        expect(examine([name, content, ...others.flat()]).claims).not.toEqual([]);
      }),
    );
  });

  it('none is noted of what clients send', () => {
    const raw = [
      'Host',
      '127.0.0.1:9912',
      'User-Agent',
      'kubectl/v1.36.3',
      'Accept',
      'application/json',
      'Accept',
      'text/plain',
      'Authorization',
      'Bearer x',
      'Accept-Encoding',
      'gzip',
      'Connection',
      'keep-alive',
      'Content-Length',
      '2',
      'Content-Type',
      'application/json',
      'Cookie',
      'a=b',
      'Origin',
      'null',
    ];
    expect(examine(raw)).toEqual({
      kind: 'examined',
      claims: [],
      host: '127.0.0.1:9912',
      authorization: 'Bearer x',
      hasBody: true,
      passed: [
        'User-Agent',
        'kubectl/v1.36.3',
        'Accept',
        'application/json',
        'Accept',
        'text/plain',
        'Accept-Encoding',
        'gzip',
        'Content-Type',
        'application/json',
        'Content-Length',
        '2',
      ],
    });
  });

  it('what Connection names is for this hop alone, but the length of the body is not the caller’s to hide', () => {
    const raw = ['Connection', 'accept, Content-Length', 'Accept', 'a', 'Content-Length', '3', 'User-Agent', 'x'];
    expect(examine(raw)).toMatchObject({ passed: ['User-Agent', 'x', 'Content-Length', '3'], hasBody: true });
  });

  it.each([
    ['v5.channel.k8s.io', ['Sec-WebSocket-Protocol', 'v5.channel.k8s.io'], []],
    ['base64url.bearer.authorization.k8s.io.Ym9i', [], ['Sec-WebSocket-Protocol']],
    [
      'v4.channel.k8s.io,Base64url.Bearer.Authorization.K8s.Io.Ym9i , v5.channel.k8s.io',
      ['Sec-WebSocket-Protocol', 'v4.channel.k8s.io, v5.channel.k8s.io'],
      ['Sec-WebSocket-Protocol'],
    ],
  ])('the WebSocket protocols %s', (offered, passed, claims) => {
    expect(examine(['Sec-WebSocket-Protocol', offered])).toMatchObject({ passed, claims });
  });

  it.each([
    [['Content-Length', '1', 'Transfer-Encoding', 'chunked'], 'both Content-Length and Transfer-Encoding'],
    [['Content-Length', '1', 'content-length', '1'], 'two content-length headers'],
    [['Transfer-Encoding', 'gzip, chunked'], 'an unknown Transfer-Encoding'],
    [['Content-Length', '1e3'], 'a Content-Length that is no number'],
    [['Content-Length', '-1'], 'a Content-Length that is no number'],
    [['Host', 'a', 'HOST', 'a'], 'two host headers'],
    [['Authorization', 'a', 'authorization', 'b'], 'two authorization headers'],
    [['Upgrade', 'websocket', 'Upgrade', 'SPDY/3.1'], 'two upgrade headers'],
  ])('%j: refused', (raw, why) => {
    expect(examine(raw)).toMatchObject({ kind: 'refused', why });
  });

  it.each([
    [[], false],
    [['Content-Length', '0'], false],
    [['Content-Length', '00'], false],
    [['Content-Length', '5'], true],
    [['Transfer-Encoding', 'Chunked'], true],
  ])('%j: whether there is a body', (raw, hasBody) => {
    expect(examine(raw)).toMatchObject({ hasBody });
  });
});
