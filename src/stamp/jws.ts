import { randomUUID, sign, verify } from 'node:crypto';
import { type StampClaims, stampSchema, type UnsignedClaims } from './claims.ts';
import type { StampKeys, VerifyingKeys } from './keys.ts';

/**
 * Stamps as compact JWS (RFC 7515). By node:crypto, as the general libraries take twenty times as long through
 * WebCrypto's promises, and the algorithm is fixed here: what a header asks for is compared, never followed (RFC 8725,
 * section 3.1).
 */

const TYPE = 'countersign-stamp+jws';

/** Longest stamp that is read; the longest that is made has some 24 KB. */
const MAX_LENGTH = 65_536;

/** Signs; adds version, cluster, id and time. @param now in milliseconds since the epoch */
export function signStamp(claims: UnsignedClaims, keys: StampKeys, cluster: string, now: number): string {
  const whole: StampClaims = { v: 1, cid: cluster, jti: randomUUID(), iat: Math.floor(now / 1000), ...claims };
  const head = encode({ alg: 'EdDSA', typ: TYPE, kid: keys.signing.kid });
  const signed = `${head}.${encode(whole)}`;
  return `${signed}.${sign(null, Buffer.from(signed), keys.signing.key).toString('base64url')}`;
}

export type Verification =
  | { readonly kind: 'valid'; readonly claims: StampClaims; readonly kid: string }
  | { readonly kind: 'invalid'; readonly flaw: 'malformed' | 'unknown-key' | 'bad-signature' };

/** Verifies form and signature. Whether it is for the object that it stands on, `fit.ts` says. */
export function verifyStamp(token: string, keys: VerifyingKeys): Verification {
  if (token.length > MAX_LENGTH) return MALFORMED;
  const parts = token.split('.');
  const [head = '', payload = '', signature = ''] = parts;
  const header = decode(head);
  if (parts.length !== 3 || !isHeader(header)) return MALFORMED;
  const key = keys.get(header.kid);
  if (key === undefined) return { kind: 'invalid', flaw: 'unknown-key' };
  const bytes = Buffer.from(signature, 'base64url');
  // Several spellings decode to the same bytes; one statement has one spelling.
  if (bytes.toString('base64url') !== signature) return MALFORMED;
  if (!verify(null, Buffer.from(`${head}.${payload}`), key, bytes)) return { kind: 'invalid', flaw: 'bad-signature' };
  const claims = stampSchema.safeParse(decode(payload));
  return claims.success ? { kind: 'valid', claims: claims.data, kid: header.kid } : MALFORMED;
}

const MALFORMED = { kind: 'invalid', flaw: 'malformed' } as const;

/** Reads what a stamp says without believing it. */
export function readUnverified(token: string): { header: unknown; claims: unknown } {
  const [head = '', payload = ''] = token.split('.');
  return { header: decode(head), claims: decode(payload) };
}

function isHeader(value: unknown): value is { kid: string } {
  if (typeof value !== 'object' || value === null) return false;
  const { alg, typ, kid, crit } = value as Record<string, unknown>;
  return alg === 'EdDSA' && typ === TYPE && typeof kid === 'string' && crit === undefined;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
}
