import { type Denial, deny } from '../denials.ts';
import { isObject, type JsonObject } from '../json.ts';
import { ANNOTATION } from '../names.ts';
import { doubtAboutServiceAccount, type Requester } from '../operator/requester.ts';
import { digestOf } from '../stamp/digest.ts';
import { additionTo, mayBeBehind } from './additions.ts';
import { contentOf } from './content.ts';
import { type Born, contained, type Descent, descends, type Family, found, refused } from './family.ts';
import { findKind, type GroupKind, isSameKind, POOL_KINDS, type WorkloadKind } from './kinds.ts';
import { annotationOf, controllerOf, nameOf, titleOf } from './metadata.ts';
import { presentStanding, readOwner } from './present.ts';
import { fromRevision } from './revision.ts';
import type { Scene } from './scene.ts';
import { check, holderOf, type Standing } from './standing.ts';

/**
 * Works out who stands behind what a controller makes: one step up, to the object that it is made for, which is read
 * live. Never further: that object carries a statement of its own, and an object further up may have changed since.
 */
export async function descend(born: Born, requester: Requester, scene: Scene): Promise<Descent> {
  const child = titleOf(born.kind, nameOf(born.object) || '(new)');
  const owner = controllerOf(born.object);
  if (owner === undefined) return refused(deny('OwnerMissing', { child, owner: 'nothing' }));
  const title = titleOf(owner, owner.name);
  if (POOL_KINDS.some((pool) => isSameKind(pool, owner))) return refused(deny('WarmPool', { pool: title }));
  const kind = findKind(scene.policy.kinds, owner);
  if (kind === undefined) return refused(deny('OwnerUnknown', { child, owner: title }));

  const carries = carrierDenial(requester, kind, born.kind, scene);
  if (carries !== undefined) return refused(carries({ child, owner: title }));

  const read = await readOwner(owner, kind, scene);
  if ('denial' in read) return refused(read.denial);
  if (read.object === undefined) return refused(deny('OwnerMissing', { child, owner: title }));
  const pool = controllerOf(read.object);
  if (pool !== undefined && POOL_KINDS.some((each) => isSameKind(each, pool))) {
    return refused(deny('WarmPool', { pool: titleOf(pool, pool.name) }));
  }

  const family: Family = { born, child, owner, title, kind, parent: read.object };
  const descent = await decideFamily(family, scene);
  if (descent.kind === 'refused') return descent;
  if (!scene.policy.identity.left.has(descent.claims.op)) return descent;
  return refused(deny('OperatorLeft', { operator: descent.claims.op, policy: scene.policy.name }));
}

async function decideFamily(family: Family, scene: Scene): Promise<Descent> {
  const { born, kind, parent } = family;
  if (kind.revisions !== undefined && born.workload === undefined) return fromRevision(family, scene);
  const standing = await presentStanding(parent, kind, scene);
  const copy = kind.children.find((each) => isSameKind(each, born.kind) && each.copy);
  if (copy !== undefined && born.workload !== undefined) {
    return fromCopy({ ...family, annotated: copy.annotated === true }, born.workload, standing, scene);
  }
  const { templates } = contentOf(parent, kind);
  return (
    found(family, standing, scene) ?? fromOldCopy(family, standing, templates) ?? contained(family, standing, templates)
  );
}

/**
 * A child whose template is a copy: that of the owner now, or one of a while ago whose stamp was copied along. The stamp
 * on a child counts only where its controller took it off the owner: else whoever writes the template of a template
 * chooses it, and a stamp that was got by a forged review would count (an attack that worked).
 */
function fromCopy(
  family: Family & { readonly annotated: boolean },
  workload: WorkloadKind,
  standing: Standing,
  scene: Scene,
): Descent {
  const { born, child, title, kind, parent, annotated } = family;
  const digest = digestOf(contentOf(born.object, workload).covered);
  if (digest === undefined) return refused(deny('TemplateNotComparable', { object: child }));
  const owner = holderOf(parent, kind);
  if (standing.kind === 'stands' && owner.digest === digest) return descends(family, standing.claims);
  const stamp = annotated ? annotationOf(born.object, ANNOTATION.stamp) : undefined;
  const copied = check(stamp, 'stamp', { ...owner, digest }, scene);
  if (copied.kind === 'stands') return descends(family, copied.claims);
  return found(family, standing, scene) ?? refused(deny('StampMisfit', { holder: title, child }));
}

/**
 * A pod that has more than its owner's template, from a controller that may work from an old copy of its owner: what is
 * more may stand in that copy, and be of somebody else, who wrote it there a moment before the present author (tried: a
 * hundred pods with another container in the name of whoever put the template right). Once the controller has seen the
 * present one, what is more was added by webhooks.
 *
 * Nobody but a human writes templates back and forth, so what a carrier made is not held up.
 */
function fromOldCopy(family: Family, standing: Standing, templates: readonly JsonObject[]): Descent | undefined {
  const { born, child, title, parent } = family;
  const [template] = templates.map((each) => each['spec']);
  const { spec } = born.object;
  if (born.workload !== undefined || standing.kind !== 'stands' || standing.claims.typ !== 'stamp') return undefined;
  if (!isObject(template) || !isObject(spec) || !mayBeBehind(parent)) return undefined;
  const path = additionTo(template, spec);
  return path === undefined ? undefined : refused(deny('StampMisfit', { holder: title, child: `${child}: ${path}` }));
}

type Denying = (d: { child: string; owner: string }) => Denial;

/** Why the requester may not hand a stamp on from this owner to this child. */
function carrierDenial(requester: Requester, owner: GroupKind, child: GroupKind, scene: Scene): Denying | undefined {
  const carrier = scene.policy.carriers.find(
    (each) => each.username === requester.username && isSameKind(each.owner, owner) && isSameKind(each.child, child),
  );
  if (carrier === undefined) {
    return (titles) => deny('ControllerNotAttributed', { requester: requester.username, ...titles });
  }
  const doubt = doubtAboutServiceAccount(requester, scene.namespace);
  return doubt === undefined ? undefined : () => deny('CarrierDoubtful', { requester: requester.username, doubt });
}
