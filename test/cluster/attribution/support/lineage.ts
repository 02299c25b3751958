import type { KeyObject } from 'node:crypto';
import { expect } from 'vitest';
import type { StampClaims } from '../../../../src/stamp/claims.ts';
import { expectAttributed } from '../../admission/support/attributed.ts';
import { coveredBy, digest, verified } from './statements.ts';
import { asPod, type Store, type Stored } from './store.ts';

export const STAMP = 'countersign.dev/stamp';
export const CUSTODY = 'countersign.dev/custody';

export interface Verifier {
  readonly store: Store;
  readonly keys: ReadonlyMap<string, KeyObject>;
}

/**
 * Checks that a pod is the session of this operator, and that the signed statements from the pod up to what a person
 * submitted all verify, fit the objects on which they stand, and say so.
 *
 * Above a pod of an earlier template stands what somebody else has submitted since, so only what was made for that
 * template must name the operator: `submitted` says whom the object at the top names, where that is another.
 *
 * @returns the objects passed, the pod first
 */
export async function expectLineage(
  verifier: Verifier,
  pod: Stored,
  operator: string,
  submitted: string = operator,
): Promise<readonly Stored[]> {
  expectAttributed(asPod(pod), operator);
  const own = verified(pod.metadata.annotations?.[STAMP], verifier.keys);
  expect(own).toMatchObject({ typ: 'pod', op: operator, ns: pod.metadata.namespace });
  expect(own.holder).toMatchObject({ group: '', kind: 'Pod' });
  const passed = [pod];
  let below = pod;
  for (;;) {
    const object = await verifier.store.ownerOf(below);
    if (object === undefined) break;
    passed.push(object);
    if (object.metadata.annotations?.[CUSTODY] === undefined) {
      expectStamped(verifier, object, submitted);
      break;
    }
    expectCustody(verifier, object, operator, await verifier.store.ownerOf(object));
    below = object;
  }
  return passed;
}

/** Checks the stamp of what a person submitted, and that nothing says that it came from elsewhere. */
export function expectStamped({ keys }: Verifier, object: Stored, operator: string): StampClaims {
  const { annotations, namespace, name } = object.metadata;
  const claims = verified(annotations?.[STAMP], keys);
  expect(claims).toMatchObject({ typ: 'stamp', op: operator, ns: namespace, dig: digest(coveredBy(object)) });
  expect(claims.holder).toMatchObject({ group: groupOf(object), kind: object.kind });
  expect([name, undefined]).toContain(claims.holder.name);
  expect(annotations?.[CUSTODY]).toBeUndefined();
  return claims;
}

/** Checks the custody of what a controller made; of an orphan, nobody is its parent any more. */
export function expectCustody(
  { keys }: Verifier,
  object: Stored,
  operator: string,
  parent: Stored | undefined,
): StampClaims {
  const { annotations, namespace } = object.metadata;
  const claims = verified(annotations?.[CUSTODY], keys);
  expect(claims).toMatchObject({ typ: 'custody', op: operator, ns: namespace, dig: digest(coveredBy(object)) });
  expect(claims.holder).toMatchObject({ group: groupOf(object), kind: object.kind });
  if (parent !== undefined) expect(claims.parent).toEqual(referenceTo(parent));
  return claims;
}

export function referenceTo(object: Stored): object {
  const { name, uid } = object.metadata;
  return { group: groupOf(object), kind: object.kind, name, uid };
}

/** The operator whose name the pod's first container carries, or `nobody`. */
export function operatorOf(pod: Stored): string {
  const [container] = asPod(pod).spec?.containers ?? [];
  return container?.env?.find(({ name }) => name === 'FAB_OPERATOR')?.value ?? 'nobody';
}

export function operatorsOf(pods: readonly Stored[]): readonly string[] {
  return pods.map(operatorOf);
}

function groupOf({ apiVersion }: Stored): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}
