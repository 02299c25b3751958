import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/errors.ts';
import {
  keysAt,
  loadKeys,
  newKey,
  parsePrivateKeys,
  parsePublicKeys,
  type PrivateJwk,
  publicKeysOf,
  writePrivateKeys,
  writePublicKeys,
} from '../../../src/stamp/keys.ts';

/** RFC 8037, appendices A.1 (key), A.3 (thumbprint) and A.4 (signature). */
const RFC8037 = {
  key: {
    kty: 'OKP',
    crv: 'Ed25519',
    kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  } satisfies PrivateJwk,
  signed: 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc',
  signature: 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
};

describe('the vectors of RFC 8037', () => {
  const file = JSON.stringify({ signing: RFC8037.key.kid, keys: [RFC8037.key] });

  it('A.3: a key’s id is its thumbprint', () => {
    expect(parsePrivateKeys(file).signing).toBe(RFC8037.key.kid);
    const { kid, ...rest } = RFC8037.key;
    const other = JSON.stringify({ signing: kid.replace('k', 'K'), keys: [{ ...rest, kid: kid.replace('k', 'K') }] });
    expect(() => parsePrivateKeys(other)).toThrow('is not the thumbprint of its key');
  });

  it('A.4: what the key signs, and its public half verifies', () => {
    const { signing, verifying } = loadKeys(parsePrivateKeys(file));
    const bytes = Buffer.from(RFC8037.signed);
    expect(sign(null, bytes, signing.key).toString('base64url')).toBe(RFC8037.signature);
    const key = verifying.get(RFC8037.key.kid);
    expect(key && verify(null, bytes, key, Buffer.from(RFC8037.signature, 'base64url'))).toBe(true);
  });
});

describe('a new key', () => {
  it('can be written, read and used, and is never the same', () => {
    const [one, other] = [newKey(), newKey()];
    const keys = parsePrivateKeys(writePrivateKeys({ signing: other.kid, keys: [one, other] }));
    expect(keys).toEqual({ signing: other.kid, keys: [one, other] });
    expect(loadKeys(keys).signing.kid).toBe(other.kid);
    expect(new Set([one.kid, one.x, one.d, other.kid, other.x, other.d]).size).toBe(6);
  });

  it('shows nothing private when it is published', () => {
    const key = newKey();
    const text = writePublicKeys({ signing: key.kid, keys: [key] });
    expect(text).not.toContain(key.d);
    const { kty, crv, kid, x } = key;
    expect(JSON.parse(text)).toEqual({ keys: [{ kty, crv, kid, x, use: 'sig', alg: 'EdDSA' }] });
    expect(publicKeysOf({ signing: kid, keys: [key] })).toEqual(JSON.parse(text));
    expect([...parsePublicKeys(text).keys()]).toEqual([kid]);
  });
});

const [one, two] = [newKey(), newKey()];
const x25519 = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' }) as unknown as PrivateJwk;
const whole = { signing: one.kid, keys: [one, two] };

describe('keys that cannot be used', () => {
  it.each<[what: string, file: unknown, says: string]>([
    ['no JSON', '{"signing":"a","keys":[{"d":"nWGxne_9WmC6h', 'it is not JSON'],
    ['no object', [], 'it is malformed'],
    ['nothing', '', 'it is not JSON'],
    ['no keys', { ...whole, keys: [] }, 'keys is malformed'],
    ['seventeen keys', { ...whole, keys: Array.from({ length: 17 }, newKey) }, 'keys is malformed'],
    ['one key twice', { ...whole, keys: [one, one] }, 'one key is there twice'],
    ['a signing key that is not there', { ...whole, keys: [two] }, 'the key that is to sign is not there'],
    ['a key of another curve', { ...whole, keys: [one, { ...x25519, kid: 'k' }] }, 'keys.1.crv is malformed'],
    ['a public key', { ...whole, keys: [{ ...one, d: undefined }] }, 'keys.0.d is malformed'],
    ['halves that do not belong together', { ...whole, keys: [{ ...one, d: two.d }, two] }, 'Invalid JWK OKP key'],
    ['half a private half', { ...whole, keys: [{ ...one, d: one.d.slice(0, 20) }, two] }, 'Invalid JWK OKP key'],
    ['an id that acts on a terminal', { ...whole, keys: [{ ...one, kid: '\u001b[2J' }] }, 'the id "\\u001b[2J" is not'],
  ])('%s: the message says so, and holds no part of a key', (_, content, says) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    const use = () => loadKeys(parsePrivateKeys(text));
    expect(use).toThrow(Fault);
    const { code, message } = faultOf(use);
    expect(code).toBe('KeysInvalid');
    expect(message).toContain(says);
    for (const secret of [one.d, two.d, x25519.d, 'nWGxne_9WmC6h']) expect(message).not.toContain(secret.slice(0, 8));
  });

  it('are left as they are, and the message says what to do', () => {
    expect(keysAt('here', undefined)).toBeUndefined();
    expect(keysAt('here', '')).toBeUndefined();
    const { message } = faultOf(() => keysAt('here', JSON.stringify(whole).slice(0, -9)));
    expect(message).toMatch(
      /^here: the stamp keys cannot be used: it is not JSON; it is left as it is, because new keys/,
    );
    expect(message).toContain('Next: put it back from a backup; if there is none, take it away');
  });
});

describe('public keys', () => {
  it('of other kinds are passed over, as a set may hold keys for other things', () => {
    const { d: _, ...rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    const set = JSON.stringify({ keys: [{ ...rsa, kid: 'rsa' }, { ...x25519, kid: 'x' }, one, 'nonsense'] });
    expect([...parsePublicKeys(set).keys()]).toEqual([one.kid]);
  });

  it.each([
    ['no JSON', '<html>', 'it is not JSON'],
    ['no set', '{}', 'keys is malformed'],
    ['none of ours', '{"keys":[]}', 'there is no Ed25519 key'],
    [
      'a key that is none',
      '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"AAAA"}]}',
      'key "k": Invalid JWK OKP key',
    ],
  ])('%s: it says so', (_, text, says) => {
    expect(faultOf(() => parsePublicKeys(text)).message).toBe(`the stamp keys cannot be used: ${says}`);
  });
});

function faultOf(action: () => unknown): Fault {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('it did not fail');
}
