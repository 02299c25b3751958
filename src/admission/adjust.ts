import { isObject, type Json, type JsonObject, sameJson } from '../json.ts';
import { contentOf } from '../lineage/content.ts';
import type { WorkloadKind } from '../lineage/kinds.ts';
import type { Adjuster } from '../policy/compile.ts';

/**
 * The adjuster that a change is allowed to, or undefined: everything that differs between the templates lies below
 * fields that the policy lists for this identity.
 */
export function adjusterOf(
  adjusters: readonly Adjuster[],
  username: string,
  before: JsonObject,
  after: JsonObject,
  kind: WorkloadKind,
): Adjuster | undefined {
  const own = adjusters.filter((each) => each.username === username);
  const [was, is] = [contentOf(before, kind), contentOf(after, kind)];
  const [old, now] = [was.templates, is.templates];
  if (own.length === 0 || old.length !== now.length || old.length === 0) return undefined;
  if (!sameJson(was.claims, is.claims)) return undefined;
  const paths = old.flatMap((template, index) => differences(template, now[index], []));
  return own.find((each) => paths.every((path) => each.fields.some((field) => covers(field, path))));
}

/** Paths of all that differs between two values. */
function differences(one: Json | undefined, other: Json | undefined, path: readonly string[]): (readonly string[])[] {
  if (one === other) return [];
  if (Array.isArray(one) && Array.isArray(other) && one.length === other.length) {
    return one.flatMap((item: Json, index) => differences(item, other[index], [...path, '*']));
  }
  if (!isObject(one) || !isObject(other)) return [path];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => differences(one[key], other[key], [...path, key]));
}

/** Whether a path lies at or below a field. */
function covers(field: readonly string[], path: readonly string[]): boolean {
  return field.length <= path.length && field.every((step, index) => step === path[index]);
}
