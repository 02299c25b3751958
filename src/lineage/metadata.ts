import { quote } from '../denials.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { type GroupKind, groupOf } from './kinds.ts';

/** The parts of an object's metadata that attribution looks at. Read leniently: the API server judges the object. */

/** A controlling owner reference (meta/v1 OwnerReference with `controller: true`). */
export interface Owner extends GroupKind {
  readonly version: string;
  readonly name: string;
  readonly uid: string;
}

export function controllerOf(object: JsonObject): Owner | undefined {
  const references = metadataOf(object)['ownerReferences'];
  if (!Array.isArray(references)) return undefined;
  const reference = references.filter(isObject).find((each) => each['controller'] === true);
  if (reference === undefined) return undefined;
  const apiVersion = text(reference['apiVersion']);
  return {
    group: groupOf(apiVersion),
    version: apiVersion.slice(apiVersion.indexOf('/') + 1),
    kind: text(reference['kind']),
    name: text(reference['name']),
    uid: text(reference['uid']),
  };
}

/** What an annotation says; undefined where there is none. */
export function annotationOf(object: JsonObject | undefined, key: string): string | undefined {
  return stringIn(object, 'annotations', key);
}

export function labelOf(object: JsonObject, key: string): string | undefined {
  return stringIn(object, 'labels', key);
}

export function nameOf(object: JsonObject): string {
  return text(metadataOf(object)['name']);
}

export function generateNameOf(object: JsonObject): string {
  return text(metadataOf(object)['generateName']);
}

export function uidOf(object: JsonObject): string {
  return text(metadataOf(object)['uid']);
}

/** How messages call an object: `Deployment "web"`. */
export function titleOf({ kind }: { readonly kind: string }, name: string): string {
  return `${/^[A-Za-z0-9]{1,63}$/.test(kind) ? kind : quote(kind)} ${quote(name)}`;
}

function stringIn(object: JsonObject | undefined, field: 'annotations' | 'labels', key: string): string | undefined {
  const values = object === undefined ? undefined : metadataOf(object)[field];
  const value = isObject(values) && Object.hasOwn(values, key) ? values[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function metadataOf(object: JsonObject): JsonObject {
  const metadata = object['metadata'];
  return isObject(metadata) ? metadata : {};
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
