import { type Denial, deny } from '../denials.ts';
import type { JsonObject } from '../json.ts';
import { findKind, type WorkloadKind } from './kinds.ts';
import { controllerOf, type Owner, titleOf, uidOf } from './metadata.ts';
import type { Scene } from './scene.ts';
import { holderOf, type Standing, standingOf } from './standing.ts';

/** Reads an owner; undefined when there is none of that uid, as a name can be used again. */
export async function readOwner(
  owner: Owner,
  kind: WorkloadKind,
  scene: Scene,
): Promise<{ object: JsonObject | undefined } | { denial: Denial }> {
  const wanted = { kind, version: owner.version, namespace: scene.namespace, name: owner.name };
  const read = await scene.owners.read(wanted, scene.deadline);
  if (read.kind === 'failed') {
    return { denial: deny('OwnerUnreadable', { owner: titleOf(owner, owner.name), problem: read.problem }) };
  }
  return { object: read.kind === 'found' && uidOf(read.object) === owner.uid ? read.object : undefined };
}

/**
 * Who stands behind an object now. Its custody may name a parent that is not its controller any more: where the present
 * one says the same, that decides; else what custody says stays, as refusing would hold up ReplicaSets that drain.
 */
export async function presentStanding(object: JsonObject, kind: WorkloadKind, scene: Scene): Promise<Standing> {
  const standing = standingOf(object, kind, scene);
  const owner = controllerOf(object);
  const parent = standing.kind === 'stands' ? standing.claims.parent : undefined;
  if (parent === undefined || owner === undefined || parent.uid === owner.uid) return standing;
  const ownerKind = findKind(scene.policy.kinds, owner);
  if (ownerKind === undefined) return standing;
  const read = await readOwner(owner, ownerKind, scene);
  if ('denial' in read) return { kind: 'void', denial: read.denial };
  if (read.object === undefined) return standing;
  const adopter = standingOf(read.object, ownerKind, scene);
  const same = holderOf(read.object, ownerKind).digest === holderOf(object, kind).digest;
  return adopter.kind === 'stands' && same ? adopter : standing;
}
