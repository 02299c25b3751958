/** Objects as they came over the wire: nothing is re-serialised through types, so unknown fields survive. */

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** One JSON Patch operation (RFC 6902). */
export type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string };

/**
 * The same value with every string in one piece. V8 keeps an added-up string in parts and a captured one as a part of
 * another, and `JSON.stringify` is half as fast over a value that holds such a string.
 */
export function inOnePiece<Value extends Json>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

/** The JSON Pointer (RFC 6901) of what a list or an object at `parent` holds, in one piece. */
export function pointerBelow(parent: string, key: string | number): string {
  return [parent, typeof key === 'number' ? key : key.replaceAll('~', '~0').replaceAll('/', '~1')].join('/');
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Levels to which values are compared. A request may be nested until the stack ends, which is at another depth each
 * time; what is deeper than this is compared by nobody, and so the same every time. No real object comes near it.
 */
export const MOST_LEVELS = 256;

/** Whether two JSON values are the same, key order aside. Two that are nested deeper than {@link MOST_LEVELS} are not. */
export function sameJson(one: Json | undefined, other: Json | undefined, levels: number = MOST_LEVELS): boolean {
  if (one === other) return true;
  if (levels === 0) return false;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => sameJson(item, other[index], levels - 1));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => Object.hasOwn(other, key) && sameJson(one[key], other[key], levels - 1));
}
