import type { Json, JsonObject } from '../json.ts';

/** How the values at one place of a pod's spec are compared with those of a template; see `pod-places.ts`. */
export interface Place {
  /** Places of an object's keys. */
  readonly keys?: Readonly<Record<string, Place>>;
  /** The place of every other key, or of every item of a list. */
  readonly each?: Place;
  /** Nothing may be added here, nor below where nothing else is said. */
  readonly closed?: true;
  /** What may be added nevertheless; without it, and where nothing is closed, everything. */
  readonly mayAdd?: (key: string, value: Json, template: JsonObject, spec: JsonObject) => boolean;
  /** Keys that are not looked at. */
  readonly ignored?: ReadonlySet<string>;
  /** The same for a pair, instead. */
  readonly leftOut?: (pod: JsonObject, template: JsonObject) => ReadonlySet<string>;
  /** That a key is there counts, also with nothing in it. */
  readonly keepsEmpty?: true;
  /** `false` and 0 are not the same as nothing. */
  readonly keepsZero?: true;
  /** Which item of a list is which; others than the template's are no matter. */
  readonly mergeKey?: (item: JsonObject) => string | undefined;
  /** The template's items stand in its order. */
  readonly inOrder?: true;
  /** Which of a list's items Countersign manages, in pod and template. */
  readonly ours?: 'containers' | 'variables' | 'mounts' | 'volumes';
  /** Compares strings, numbers and booleans; without it they are equal or not. */
  readonly same?: (pod: Json | undefined, template: Json) => boolean;
}

/** Everything may be added. */
export const OPEN: Place = {};

/** A field that the API server stores also when it is `false` or 0, because that is not its default. */
export const KEEPS_ZERO: Place = { keepsZero: true };

/** Allows additions of one key with one value. */
export function only(key: string, value: Json): NonNullable<Place['mayAdd']> {
  return (added, given) => added === key && given === value;
}

/** Allows additions of all keys but these. */
export function not(...keys: readonly string[]): NonNullable<Place['mayAdd']> {
  const refused = new Set(keys);
  return (added) => !refused.has(added);
}

/** Tells items apart by what they have at these keys. */
export function byKeys(...keys: readonly string[]): NonNullable<Place['mergeKey']> {
  const [first = ''] = keys;
  if (keys.length > 1) return (item) => JSON.stringify(keys.map((key) => item[key] ?? null));
  return (item) => {
    const value = item[first];
    return typeof value === 'string' ? value : undefined;
  };
}
