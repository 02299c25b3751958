import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { quote } from '../denials.ts';
import { Fault, reasonOf } from '../errors.ts';

/** A private Ed25519 key (RFC 8037, section 2). */
const privateJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: z.string().min(1),
  x: z.string().min(1),
  d: z.string().min(1),
});

const publicJwk = privateJwk.omit({ d: true });

/** More means that nobody ever retires one; every replica loads them all. */
export const MOST_KEYS = 16;

/**
 * The file of private keys: all of them verify, the one that `signing` names signs. A key is published before it signs,
 * so that no replica meets a stamp that it cannot verify.
 *
 * They stand in the order in which they were made: those before the one that signs have signed, one after it is about
 * to. So a rotation that died half-way leaves no note, and needs none (`rotation.ts`).
 */
const privateKeysSchema = z.object({ signing: z.string().min(1), keys: z.array(privateJwk).min(1).max(MOST_KEYS) });

export type PrivateKeys = z.output<typeof privateKeysSchema>;
export type PrivateJwk = z.output<typeof privateJwk>;
export type PublicJwk = z.output<typeof publicJwk>;

/** Keys that verify stamps, by `kid`. */
export type VerifyingKeys = ReadonlyMap<string, KeyObject>;

export interface StampKeys {
  readonly verifying: VerifyingKeys;
  readonly signing: { readonly kid: string; readonly key: KeyObject };
}

/** Makes a key; its id is its thumbprint (RFC 7638), so that no two keys can share one. */
export function newKey(): PrivateJwk {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const { x = '', d = '' } = jwk;
  return { kty: 'OKP', crv: 'Ed25519', kid: thumbprint(x), x, d };
}

/** Of an Ed25519 public key: SHA-256 over its required members in lexicographic order (RFC 7638, RFC 8037 A.3). */
function thumbprint(x: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
}

/** @throws Fault `KeysInvalid` */
export function parsePrivateKeys(text: string): PrivateKeys {
  const keys = parse(privateKeysSchema, text);
  // A message about a key must never hold one.
  for (const { kid, x } of keys.keys) {
    if (kid !== thumbprint(x)) throw invalid(`the id ${quote(kid)} is not the thumbprint of its key`);
  }
  if (new Set(keys.keys.map(({ kid }) => kid)).size < keys.keys.length) throw invalid('one key is there twice');
  if (!keys.keys.some(({ kid }) => kid === keys.signing)) throw invalid('the key that is to sign is not there');
  return keys;
}

/** Makes keys usable. @throws Fault `KeysInvalid` when one is no key, or its halves do not belong together */
export function loadKeys(keys: PrivateKeys): StampKeys {
  const verifying = new Map<string, KeyObject>();
  let signing: KeyObject | undefined;
  for (const jwk of keys.keys) {
    try {
      const key = createPrivateKey({ key: jwk, format: 'jwk' });
      const derived = createPublicKey(key);
      if (derived.export({ format: 'jwk' }).x !== jwk.x) throw new Error('its halves do not belong together');
      verifying.set(jwk.kid, derived);
      if (jwk.kid === keys.signing) signing = key;
    } catch (thrown) {
      throw invalid(`key ${quote(jwk.kid)}: ${reasonOf(thrown)}`);
    }
  }
  if (signing === undefined) throw invalid('the key that is to sign is not there');
  return { verifying, signing: { kid: keys.signing, key: signing } };
}

/**
 * The keys of a place that may have none yet, in full working order.
 *
 * Unlike certificates they are never made anew where something is wrong: a stamp is as good as the key that signed it,
 * and every governed workload would have to be stamped again.
 *
 * @param where for people, such as a Secret's name
 * @throws Fault `KeysInvalid` when what is there cannot be used
 */
export function keysAt(where: string, text: string | undefined): PrivateKeys | undefined {
  if (!text) return undefined;
  try {
    const keys = parsePrivateKeys(text);
    loadKeys(keys);
    return keys;
  } catch (thrown) {
    throw new Fault(
      'KeysInvalid',
      `${where}: ${reasonOf(thrown)}; it is left as it is, because new keys void every stamp. Next: put it back from a ` +
        'backup; if there is none, take it away, run this again, and have what is there stamped anew ("countersign restamp")',
      { cause: thrown },
    );
  }
}

/** The file that {@link parsePrivateKeys} reads. */
export function writePrivateKeys(keys: PrivateKeys): string {
  return `${JSON.stringify(keys)}\n`;
}

/** The file that {@link parsePublicKeys} reads. */
export function writePublicKeys(keys: PrivateKeys): string {
  return `${JSON.stringify(publicKeysOf(keys), undefined, 2)}\n`;
}

/** The public parts as a JWK set (RFC 7517), for whoever wants to verify stamps. */
export function publicKeysOf(keys: PrivateKeys): { keys: (PublicJwk & { use: 'sig'; alg: 'EdDSA' })[] } {
  return { keys: keys.keys.map(({ kty, crv, kid, x }) => ({ kty, crv, kid, x, use: 'sig', alg: 'EdDSA' })) };
}

/** Reads a JWK set; keys of other kinds are passed over. @throws Fault `KeysInvalid` */
export function parsePublicKeys(text: string): VerifyingKeys {
  const { keys } = parse(z.object({ keys: z.array(z.unknown()).max(64) }), text);
  const verifying = new Map<string, KeyObject>();
  for (const each of keys) {
    const jwk = publicJwk.safeParse(each);
    if (!jwk.success) continue;
    try {
      verifying.set(jwk.data.kid, createPublicKey({ key: jwk.data, format: 'jwk' }));
    } catch (thrown) {
      throw invalid(`key ${quote(jwk.data.kid)}: ${reasonOf(thrown)}`);
    }
  }
  if (verifying.size === 0) throw invalid('there is no Ed25519 key');
  return verifying;
}

function parse<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // JSON.parse quotes what it stumbles over, which may be a part of a key.
    throw invalid('it is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map(({ path }) => `${path.map(String).join('.') || 'it'} is malformed`).join(', '),
    );
  }
  return parsed.data;
}

function invalid(problem: string): Fault {
  return new Fault('KeysInvalid', `the stamp keys cannot be used: ${problem}`);
}
