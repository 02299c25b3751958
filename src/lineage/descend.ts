import { type Denial, deny } from '../denials.ts';
import { isObject, type JsonObject, sameJson } from '../json.ts';
import { ANNOTATION } from '../names.ts';
import { doubtAboutServiceAccount, type Requester } from '../operator/requester.ts';
import type { Reference, StampClaims } from '../stamp/claims.ts';
import { digestOf } from '../stamp/digest.ts';
import { additionTo, mayBeBehind } from './additions.ts';
import { missingFrom } from './containment.ts';
import { contentOf } from './content.ts';
import { findKind, type GroupKind, isSameKind, POOL_KINDS, type WorkloadKind } from './kinds.ts';
import { ADOPTION, annotateCommand } from './kubectl.ts';
import { annotationOf, controllerOf, labelOf, nameOf, type Owner, titleOf, uidOf } from './metadata.ts';
import type { Scene } from './scene.ts';
import { check, holderOf, type Standing, standingOf } from './standing.ts';

/** What a carrier makes: a pod, or a workload of a kind that is known. */
export interface Born {
  readonly object: JsonObject;
  readonly kind: GroupKind;
  /** Undefined for a pod. */
  readonly workload: WorkloadKind | undefined;
}

export type Descent =
  /** The statement that decides, and the object that the child was made for. */
  | { readonly kind: 'descends'; readonly claims: StampClaims; readonly parent: Reference }
  | { readonly kind: 'refused'; readonly denial: Denial };

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

interface Family {
  readonly born: Born;
  /** How messages call the child. */
  readonly child: string;
  readonly owner: Owner;
  /** How messages call the owner. */
  readonly title: string;
  readonly kind: WorkloadKind;
  /** The owner as it is now. */
  readonly parent: JsonObject;
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
 * A pod of a StatefulSet or DaemonSet answers to the ControllerRevision that its label names: with a partition or with
 * OnDelete it may come from an earlier template than the one that stands in the object, and from an earlier human.
 */
async function fromRevision(family: Family, scene: Scene): Promise<Descent> {
  const { born, child, owner, title, kind, parent } = family;
  const revisionKind = findKind(scene.policy.kinds, REVISION);
  const label = labelOf(born.object, 'controller-revision-hash') ?? '';
  if (revisionKind === undefined || kind.revisions === undefined || label === '') {
    return refused(deny('OwnerMissing', { child, owner: 'no revision' }));
  }
  const name = kind.revisions(owner.name, label);
  const wanted = { kind: revisionKind, namespace: scene.namespace, name };
  const read = await scene.owners.read(wanted, scene.deadline);
  const revisionTitle = titleOf(REVISION, name);
  if (read.kind === 'failed') return refused(deny('OwnerUnreadable', { owner: revisionTitle, problem: read.problem }));
  if (read.kind === 'missing' || controllerOf(read.object)?.uid !== owner.uid) {
    return refused(deny('OwnerMissing', { child, owner: revisionTitle }));
  }
  const content = contentOf(read.object, revisionKind);
  const digest = digestOf(content.covered);
  const holder = holderOf(parent, kind);
  const [revised] = content.templates;
  const [present] = contentOf(parent, kind).templates;
  const standing =
    digest !== undefined && digest === holder.digest && isLabelledAlike(revised, present)
      ? await presentStanding(parent, kind, scene)
      : copiedStanding(read.object, { ...holder, digest, title: revisionTitle }, scene);
  return (
    found({ ...family, title: standing.kind === 'nobody' ? revisionTitle : title }, standing, scene) ??
    contained(family, standing, content.templates)
  );
}

/**
 * Whether two templates give pods the same labels and annotations. The digest leaves them out; but injectors take orders
 * from them, and whoever may write revisions could give others to the pods of somebody's present template.
 */
function isLabelledAlike(one: JsonObject | undefined, other: JsonObject | undefined): boolean {
  const [own, its] = [one, other].map((template) => {
    const metadata = template?.['metadata'];
    return isObject(metadata) ? metadata : {};
  });
  return ['labels', 'annotations'].every((key) => sameJson(own?.[key] ?? {}, its?.[key] ?? {}));
}

const REVISION: GroupKind = { group: 'apps', kind: 'ControllerRevision' };

/** A revision carries copies of what stood on its owner when it was made. */
function copiedStanding(revision: JsonObject, holder: Parameters<typeof check>[2], scene: Scene): Standing {
  const custody = check(annotationOf(revision, ANNOTATION.custody), 'custody', holder, scene);
  if (custody.kind === 'stands') return custody;
  const stamp = check(annotationOf(revision, ANNOTATION.stamp), 'stamp', holder, scene);
  return stamp.kind === 'nobody' ? custody : stamp;
}

/**
 * Who stands behind an object now. Its custody may name a parent that is not its controller any more: where the present
 * one says the same, that decides; else what custody says stays, as refusing would hold up ReplicaSets that drain.
 */
async function presentStanding(object: JsonObject, kind: WorkloadKind, scene: Scene): Promise<Standing> {
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

/** The denial where nobody stands behind the owner. */
function found({ title, owner, kind, parent }: Family, standing: Standing, scene: Scene): Descent | undefined {
  if (standing.kind === 'void') return refused(standing.denial);
  if (standing.kind === 'stands') return undefined;
  // What stands above it is what a person wrote; its controller brings the stamp down.
  const above = controllerOf(parent);
  const aboveKind = above && findKind(scene.policy.kinds, above);
  const command =
    above === undefined || aboveKind === undefined
      ? annotateCommand(scene.namespace, kind, owner.name, ADOPTION)
      : annotateCommand(scene.namespace, aboveKind, above.name, ADOPTION);
  return refused(deny('OwnerNotAttributed', { owner: title, command }));
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

/** A child that is built from the owner's template has all of it, with what controllers and injectors add. */
function contained(family: Family, standing: Standing, templates: readonly JsonObject[]): Descent {
  if (standing.kind !== 'stands') throw new Error('contained() is for what somebody stands behind');
  const { born, child, title, kind, parent } = family;
  const specs = born.workload === undefined ? [born.object['spec']] : specsIn(born.object, born.workload);
  // A kind without a template says nothing that could be compared.
  if (templates.length === 0 && kind.covers.by !== 'template') return descends(family, standing.claims);
  for (const spec of specs) {
    const paths = templates.map((template) => missing(spec, template['spec'], kind, parent));
    const [path] = paths;
    if (!paths.includes(undefined)) {
      return refused(deny('NotFromTemplate', { child, owner: title, path: path ?? 'the template' }));
    }
  }
  return descends(family, standing.claims);
}

function specsIn(object: JsonObject, kind: WorkloadKind): readonly JsonObject[string][] {
  const { templates } = contentOf(object, kind);
  return templates.map((template) => template['spec']);
}

function missing(
  spec: JsonObject[string],
  template: JsonObject[string],
  kind: WorkloadKind,
  parent: JsonObject,
): string | undefined {
  if (!isObject(spec) || !isObject(template)) return 'spec';
  return missingFrom(spec, template, {
    exemptVolumes: claimedVolumes(parent),
    owner: kind,
  });
}

/** A StatefulSet's controller puts its claims in the place of volumes with the same names. */
function claimedVolumes(owner: JsonObject): ReadonlySet<string> {
  const { spec } = owner;
  const claims = isObject(spec) ? spec['volumeClaimTemplates'] : undefined;
  return new Set(Array.isArray(claims) ? claims.filter(isObject).map(nameOf) : []);
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

/** Reads an owner; undefined when there is none of that uid, as a name can be used again. */
async function readOwner(
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

function descends({ owner }: Family, claims: StampClaims): Descent {
  const { group, kind, name, uid } = owner;
  return { kind: 'descends', claims, parent: { group, kind, name, uid } };
}

function refused(denial: Denial): Descent {
  return { kind: 'refused', denial };
}
