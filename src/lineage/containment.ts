import { isObject, type Json, type JsonObject, sameJson } from '../json.ts';
import type { GroupKind } from './kinds.ts';
import { isOurs, itemsOf, tokenVolumesOf } from './managed.ts';
import { OPEN, type Place } from './place.ts';
import { podSpecOf } from './pod-places.ts';

export interface ContainmentOptions {
  /** Names in a StatefulSet's `volumeClaimTemplates`: its controller puts claims in place of volumes of these names. */
  readonly exemptVolumes?: ReadonlySet<string>;
  /** Whose template it is, as some controllers change pods in ways of their own. */
  readonly owner?: GroupKind;
}

/**
 * The first thing in a template's pod spec that a pod's spec does not contain, or that was added to it and may not be
 * (see `pod-places.ts`), as a path: `containers[app].args[1]`, `containers[app].lifecycle (added)`. Undefined when the
 * pod is what the template's author submitted.
 *
 * Both are raw. Null, an empty string, an empty list and an empty object are nothing, and so are `false` and 0 where the
 * API server does not store them. What Countersign manages is left out on both sides: when admission runs again, the
 * pod already has it.
 */
export function missingFrom(
  pod: JsonObject,
  template: JsonObject,
  { exemptVolumes, owner }: ContainmentOptions = {},
): string | undefined {
  if (serviceAccountOf(pod) !== serviceAccountOf(template)) return 'serviceAccountName';
  for (const { name, persistentVolumeClaim } of itemsOf(pod['volumes'])) {
    const exempt = typeof name === 'string' && exemptVolumes?.has(name) === true;
    if (exempt && !isObject(persistentVolumeClaim)) return `volumes[${name}].persistentVolumeClaim`;
  }
  const scope: Scope = {
    spec: template,
    podTokens: tokenVolumesOf(pod),
    templateTokens: tokenVolumesOf(template),
    exempt: exemptVolumes ?? NONE,
  };
  return inObject(pod, template, podSpecOf(owner), scope)?.slice(1);
}

interface Scope {
  readonly spec: JsonObject;
  readonly podTokens: ReadonlySet<string>;
  readonly templateTokens: ReadonlySet<string>;
  readonly exempt: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/** As the API server reads it: the older name counts where the newer has nothing. */
function serviceAccountOf(spec: JsonObject): Json {
  return spec['serviceAccountName'] || spec['serviceAccount'] || 'default';
}

/** @returns the path from here, such as `.image` or `[1]`; empty when it is this value */
function inValue(pod: Json | undefined, template: Json, place: Place, scope: Scope): string | undefined {
  if (Array.isArray(template)) {
    const items = pod ?? [];
    if (!Array.isArray(items)) return '';
    return place.mergeKey === undefined
      ? inSequence(items, template, place, scope)
      : inKeyed(items, template, place.mergeKey, place, scope);
  }
  if (isObject(template)) {
    const object = pod ?? {};
    return isObject(object) ? inObject(object, template, place, scope) : '';
  }
  return (place.same ?? Object.is)(pod, template) ? undefined : '';
}

function inObject(pod: JsonObject, template: JsonObject, place: Place, scope: Scope): string | undefined {
  const leftOut = place.leftOut?.(pod, template) ?? place.ignored ?? NONE;
  for (const key of Object.keys(template)) {
    const wanted = template[key];
    const below = placeBelow(place, key);
    if (!isSaid(wanted, place, below) || leftOut.has(key)) continue;
    const found = Object.hasOwn(pod, key) ? (pod[key] ?? undefined) : undefined;
    if (found === undefined && place.keepsEmpty === true) return `.${key}`;
    const missing = inValue(found, wanted, below, scope);
    if (missing !== undefined) return `.${key}${missing}`;
  }
  for (const key of Object.keys(pod)) {
    const added = pod[key];
    const below = placeBelow(place, key);
    if (isNothing(added, below) || leftOut.has(key)) continue;
    if (Object.hasOwn(template, key) && isSaid(template[key], place, below)) continue;
    const mayAdd = place.mayAdd === undefined ? place.closed !== true : place.mayAdd(key, added, template, scope.spec);
    if (!mayAdd) return `.${key} (added)`;
    const loosened = isObject(added) ? inObject(added, EMPTY, below, scope) : undefined;
    if (loosened !== undefined) return `.${key}${loosened}`;
  }
  return undefined;
}

const EMPTY: JsonObject = {};

function placeBelow(place: Place, key: string): Place {
  const known = place.keys !== undefined && Object.hasOwn(place.keys, key) ? place.keys[key] : place.each;
  return known ?? inherited(place);
}

const CLOSED: Place = { closed: true };

function inherited(place: Place): Place {
  return place.closed === true ? CLOSED : OPEN;
}

/** What the API server, or whoever writes an object through its types, leaves out. */
function isNothing(value: Json | undefined, place: Place): value is undefined | null {
  if (value === undefined || value === null || value === '') return true;
  if (value === false || value === 0) return place.keepsZero !== true;
  if (typeof value !== 'object') return false;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

/** Whether a template says something with a value, which stands `below` a place. */
function isSaid(value: Json | undefined, place: Place, below: Place): value is Exclude<Json, null> {
  return !isNothing(value, below) || (place.keepsEmpty === true && isObject(value));
}

/** Lists whose items have no identity, as of arguments: the same items in the same order. */
function inSequence(pod: readonly Json[], template: readonly Json[], place: Place, scope: Scope): string | undefined {
  if (pod.length !== template.length) return '';
  const below = place.each ?? inherited(place);
  for (const [index, wanted] of template.entries()) {
    const missing = inValue(pod[index] ?? undefined, wanted, below, scope);
    if (missing !== undefined) return `[${index}]${missing}`;
  }
  return undefined;
}

/**
 * Lists whose items have an identity: each of the template's, as often as there, and others besides. As often, because
 * of two variables with one name kubelet takes the last.
 */
function inKeyed(
  pod: readonly Json[],
  template: readonly Json[],
  keyOf: NonNullable<Place['mergeKey']>,
  place: Place,
  scope: Scope,
): string | undefined {
  const { next, following } = indexOf(pod, keyOf, place, scope.podTokens);
  const below = place.each ?? inherited(place);
  const looked: string[] = [];
  let last = -1;
  for (const [position, wanted] of template.entries()) {
    const key = isObject(wanted) ? keyOf(wanted) : undefined;
    if (!isObject(wanted) || key === undefined) return `[${position}]`;
    if (isOurs(wanted, place, scope.templateTokens) || isExempt(key, place, scope)) continue;
    const index = next.get(key) ?? -1;
    const item = pod[index];
    if (!isObject(item)) return `[${key}]`;
    looked.push(key);
    next.set(key, following.get(index) ?? -1);
    if (place.inOrder === true && index < last) return `[${key}] (moved)`;
    last = index;
    // Most are the same, which is found out faster.
    const missing = sameJson(item, wanted) ? undefined : inObject(item, wanted, below, scope);
    if (missing !== undefined) return `[${key}]${missing}`;
  }
  const again = following.size === 0 ? undefined : looked.find((key) => (next.get(key) ?? -1) >= 0);
  return again === undefined ? undefined : `[${again}] (added again)`;
}

/** The first item of each key, and from each item the next one of its key. */
function indexOf(
  items: readonly Json[],
  keyOf: NonNullable<Place['mergeKey']>,
  place: Place,
  tokens: ReadonlySet<string>,
): { readonly next: Map<string, number>; readonly following: ReadonlyMap<number, number> } {
  const next = new Map<string, number>();
  const following = new Map<number, number>();
  for (let index = items.length - 1; index >= 0; index -= 1) {
    const item = items[index];
    if (!isObject(item) || isOurs(item, place, tokens)) continue;
    const key = keyOf(item);
    if (key === undefined) continue;
    const later = next.get(key);
    if (later !== undefined) following.set(index, later);
    next.set(key, index);
  }
  return { next, following };
}

function isExempt(key: string, place: Place, { exempt }: Scope): boolean {
  return place.ours === 'volumes' && exempt.has(key);
}
