import { sign as signBytes, createHmac, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readUnverified, verifyStamp } from '../../../src/stamp/jws.ts';
import { claims, newKeys, NOW, sign } from '../support/stamps.ts';

const { keys } = newKeys();
const { kid, key } = keys.signing;
const token = signedWithBothLetters();
const [head = '', payload = '', signature = ''] = token.split('.');

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
const header = decode(head);

/** A token whose signature plain base64 would spell in another way. */
function signedWithBothLetters(): string {
  for (;;) {
    const candidate = sign(claims(), keys);
    if (/[-_]/.test(candidate.split('.')[2] ?? '')) return candidate;
  }
}

/** A token with a right signature over whatever header and payload. */
function signed(ownHeader: unknown, ownPayload: unknown = decode(payload), by = key): string {
  const text = `${encode(ownHeader)}.${encode(ownPayload)}`;
  return `${text}.${signBytes(null, Buffer.from(text), by).toString('base64url')}`;
}

const flaw = (text: string): string => {
  const result = verifyStamp(text, keys.verifying);
  return result.kind === 'valid' ? 'none' : result.flaw;
};

describe('a stamp', () => {
  it('says what was signed, when, and by which key', () => {
    const result = verifyStamp(token, keys.verifying);
    const added = { v: 1, cid: 'cluster', jti: expect.any(String) as string, iat: NOW / 1000 };
    expect(result).toEqual({ kind: 'valid', kid, claims: { ...claims(), ...added } });
    expect(header).toEqual({ alg: 'EdDSA', typ: 'countersign-stamp+jws', kid });
  });

  it('is never the same twice', () => {
    expect(sign(claims(), keys)).not.toBe(sign(claims(), keys));
  });

  it('does not end by itself: what it is on may run for years, and ends with its namespace’s governance', () => {
    const { claims: said } = readUnverified(token);
    expect(Object.keys(said as object)).not.toContain('exp');
  });

  it('keeps texts of any language as they are', () => {
    const reason = 'Schlüssel verloren \u{1f511} "\\\u0000';
    const result = verifyStamp(sign(claims({ reason }), keys), keys.verifying);
    expect(result.kind === 'valid' && result.claims.reason).toBe(reason);
  });
});

describe('a stamp that was tampered with', () => {
  it('never verifies, whichever character is another', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/= \n'.split('');
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...alphabet), (at, character) => {
        fc.pre(token[at] !== character);
        expect(flaw(token.slice(0, at) + character + token.slice(at + 1))).not.toBe('none');
      }),
      { numRuns: 3_000 },
    );
  });

  it.each<[what: string, text: string, flaw: string]>([
    [
      'another operator',
      `${head}.${encode({ ...decode(payload), op: 'bob@example.com' })}.${signature}`,
      'bad-signature',
    ],
    ['another header', `${encode({ ...header, extra: 1 })}.${payload}.${signature}`, 'bad-signature'],
    ['no signature', `${head}.${payload}.`, 'bad-signature'],
    ['half a signature', `${head}.${payload}.${signature.slice(0, 40)}`, 'bad-signature'],
    ['a signature with more behind it', `${token}AAAA`, 'bad-signature'],
    ['the signature of another stamp', `${head}.${payload}.${sign(claims(), keys).split('.')[2]}`, 'bad-signature'],
    ['two parts', `${head}.${payload}`, 'malformed'],
    ['four parts', `${token}.`, 'malformed'],
    ['nothing', '', 'malformed'],
    ['dots', '..', 'malformed'],
    ['a header that is no JSON', `AAAA.${payload}.${signature}`, 'malformed'],
    ['more than anybody signs', `${head}.${'A'.repeat(70_000)}.${signature}`, 'malformed'],
  ])('%s', (_, text, expected) => {
    expect(flaw(text)).toBe(expected);
  });

  // Each of these decodes to the same 64 bytes. With several spellings one statement could be several.
  it.each<[how: string, spelling: string]>([
    ['padded', `${signature}==`],
    ['with the letters of plain base64', Buffer.from(signature, 'base64url').toString('base64').replace(/=+$/, '')],
    [
      'with bits behind the last byte',
      signature.slice(0, -1) + String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1),
    ],
    ['with a line break', `${signature.slice(0, 20)}\n${signature.slice(20)}`],
  ])('its signature spelt in another way: %s', (_, spelling) => {
    expect(spelling).not.toBe(signature);
    expect(Buffer.from(spelling, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
    expect(flaw(`${head}.${payload}.${spelling}`)).toBe('malformed');
  });
});

describe('a header that asks for something else', () => {
  const secret = Buffer.from(keys.verifying.get(kid)?.export({ format: 'jwk' }).x ?? '', 'base64url');
  const hmac = (text: string): string => `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;

  // RFC 8725, sections 2.1 and 3.1: an algorithm is compared, never followed.
  it.each<[what: string, text: string]>([
    ['no algorithm, no signature', `${encode({ ...header, alg: 'none' })}.${payload}.`],
    ['no algorithm, with a right signature', signed({ ...header, alg: 'none' })],
    ['HMAC with the public key as its secret', hmac(`${encode({ ...header, alg: 'HS256' })}.${payload}`)],
    ['another name for the same algorithm', signed({ ...header, alg: 'Ed25519' })],
    ['another spelling', signed({ ...header, alg: 'EDDSA' })],
    ['no type', signed({ ...header, typ: undefined })],
    ['the type of a JWT, which the issuer signs too', signed({ ...header, typ: 'JWT' })],
    ['extensions that must be understood', signed({ ...header, crit: ['b64'], b64: false })],
    ['an empty list of them', signed({ ...header, crit: [] })],
    ['no key', signed({ ...header, kid: undefined })],
    ['a key that is no text', signed({ ...header, kid: { a: 1 } })],
    ['a list', signed([header])],
  ])('%s is malformed', (_, text) => {
    expect(flaw(text)).toBe('malformed');
  });

  it('a key of its own, in the header, is not looked at', () => {
    const stranger = generateKeyPairSync('ed25519');
    const own = { ...header, jwk: stranger.publicKey.export({ format: 'jwk' }), jku: 'https://example.com/jwks.json' };
    expect(flaw(signed(own, decode(payload), stranger.privateKey))).toBe('bad-signature');
    expect(flaw(signed({ ...own, kid: 'stranger' }, decode(payload), stranger.privateKey))).toBe('unknown-key');
  });

  it.each(['unknown', '__proto__', 'constructor', ''])('an unknown key is called so: %j', (unknown) => {
    expect(flaw(signed({ ...header, kid: unknown }))).toBe('unknown-key');
  });
});

describe('claims that no stamp makes, though signed', () => {
  const said = decode(payload);
  it.each<[what: string, claims: unknown]>([
    ['another version', { ...said, v: 2 }],
    ['another type', { ...said, typ: 'session' }],
    ['one that is not known', { ...said, admin: true }],
    ['no operator', { ...said, op: undefined }],
    ['a holder that is no object', { ...said, holder: 'Deployment' }],
    ['no object', 'text'],
  ])('%s', (_, others) => {
    expect(flaw(signed(header, others))).toBe('malformed');
  });
});

it('what cannot be read is read as nothing, not as a fault', () => {
  for (const text of ['', '.', 'a.b.c', '!.!', `${head}.`]) expect(() => readUnverified(text)).not.toThrow();
  expect(readUnverified(token).claims).toEqual(decode(payload));
});
