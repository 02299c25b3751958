import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { isObject, type Json } from '../json.ts';

/**
 * The SHA-256 of a value's canonical form (RFC 8785), in base64url.
 *
 * Neither the order of keys nor the spelling of a number (`1.0`, `1e0`) changes it; null and absent are two things, as
 * they are for the API server's decoders of unknown fields.
 *
 * @returns undefined for a value that has no such form: it holds a number beyond 2^53, or text that is no
 * Unicode, or is nested deeper than the stack
 */
export function digestOf(value: Json): string | undefined {
  let text: string | undefined;
  try {
    if (unsafeNumber(value) !== undefined) return undefined;
    text = canonicalize(value);
  } catch {
    return undefined;
  }
  return text === undefined ? undefined : createHash('sha256').update(text).digest('base64url');
}

/**
 * The first number beyond 2^53 in a value, or undefined. JSON's numbers arrive as doubles: two such integers can read
 * the same here while the API server, which keeps 64 bits, runs another than was stamped.
 */
export function unsafeNumber(value: Json): number | undefined {
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? undefined : value;
  if (Array.isArray(value)) return firstUnsafe(value);
  return isObject(value) ? firstUnsafe(Object.values(value)) : undefined;
}

function firstUnsafe(values: readonly (Json | undefined)[]): number | undefined {
  for (const value of values) {
    const found = value === undefined ? undefined : unsafeNumber(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
