import type { JsonObject } from '../../../src/json.ts';
import { contentOf } from '../../../src/lineage/content.ts';
import { findKind, groupOf, WORKLOAD_KINDS } from '../../../src/lineage/kinds.ts';
import { nameOf } from '../../../src/lineage/metadata.ts';
import { ANNOTATION } from '../../../src/names.ts';
import type { UnsignedClaims } from '../../../src/stamp/claims.ts';
import { digestOf } from '../../../src/stamp/digest.ts';
import { signStamp } from '../../../src/stamp/jws.ts';
import { loadKeys, newKey, type PrivateKeys, type StampKeys } from '../../../src/stamp/keys.ts';

/** A set of keys with one that signs, as its file and as it is used. */
export function newKeys(): { readonly file: PrivateKeys; readonly keys: StampKeys } {
  const key = newKey();
  const file = { signing: key.kid, keys: [key] };
  return { file, keys: loadKeys(file) };
}

export const NOW = Date.parse('2026-08-01T12:00:00Z');

/** What Alice's stamp says, wherever a test does not care. */
export function claims(changes: Partial<UnsignedClaims> = {}): UnsignedClaims {
  return {
    typ: 'stamp',
    op: 'alice@example.com',
    how: 'direct',
    rule: 'people',
    req: { user: 'oidc:alice@example.com', groups: ['developers'] },
    role: 'arn:aws:iam::111122223333:role/agents',
    ns: 'agents',
    gov: '2026-07-01T00:00:00Z',
    holder: { group: 'apps', kind: 'Deployment', name: 'web' },
    dig: 'digest',
    ...changes,
  };
}

/** The claims that fit an object. */
export function claimsAbout(object: JsonObject, changes: Partial<UnsignedClaims> = {}): UnsignedClaims {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const holder = { group: groupOf(apiVersion), kind, name: nameOf(object) };
  const workload = findKind(WORKLOAD_KINDS, holder);
  const dig = workload === undefined ? 'plan' : (digestOf(contentOf(object, workload).covered) ?? '');
  return claims({ holder, dig, ...changes });
}

export function sign(about: UnsignedClaims, keys: StampKeys): string {
  return signStamp(about, keys, 'cluster', NOW);
}

/** An object with annotations of Countersign's. */
export function carrying(object: JsonObject, statements: { stamp?: string; custody?: string }): JsonObject {
  const annotations = Object.entries(statements).map(([as, token]) => [ANNOTATION[as as 'stamp'], token]);
  const metadata = {
    ...(object['metadata'] as JsonObject),
    annotations: Object.fromEntries(annotations) as JsonObject,
  };
  return { ...object, metadata };
}

/** A workload with a template, such as `workload('apps/v1', 'Deployment', 'web')`. */
export function workload(apiVersion: string, kind: string, name: string, image = 'agent:1'): JsonObject {
  const template = { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image }] } };
  return { apiVersion, kind, metadata: { name, namespace: 'agents' }, spec: { template } };
}

/** The same object, made by another one. */
export function ownedBy(owner: JsonObject, object: JsonObject): JsonObject {
  const { apiVersion, kind } = owner as { apiVersion: string; kind: string };
  const reference = { apiVersion, kind, name: nameOf(owner), uid: 'uid-of-owner', controller: true };
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), ownerReferences: [reference] } };
}
