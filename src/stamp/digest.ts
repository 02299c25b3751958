import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { type Json, MOST_LEVELS } from '../json.ts';

/**
 * The SHA-256 of a value's canonical form (RFC 8785), in base64url.
 *
 * Neither the order of keys nor the spelling of a number (`1.0`, `1e0`) changes it; null and absent are two things, as
 * they are for the API server's decoders of unknown fields.
 *
 * @returns undefined for a value that has no such form (it holds a number beyond 2^53, or text that is no Unicode), or
 * that is nested deeper than {@link MOST_LEVELS}
 */
export function digestOf(value: Json): string | undefined {
  if (!isComparable(value, MOST_LEVELS)) return undefined;
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch {
    return undefined;
  }
  return text === undefined ? undefined : createHash('sha256').update(text).digest('base64url');
}

/**
 * Whether a value can be told from every other. JSON's numbers arrive as doubles: two integers beyond 2^53 can read the
 * same here while the API server, which keeps 64 bits, runs another than was stamped.
 */
function isComparable(value: Json, levels: number): boolean {
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  const values: readonly (Json | undefined)[] = Array.isArray(value) ? value : Object.values(value);
  return values.every((each) => each === undefined || isComparable(each, levels - 1));
}
