import { deny } from '../denials.ts';
import { isObject, type JsonObject, sameJson } from '../json.ts';
import { ANNOTATION } from '../names.ts';
import { digestOf } from '../stamp/digest.ts';
import { contentOf } from './content.ts';
import { contained, type Descent, type Family, found, refused } from './family.ts';
import { findKind, type GroupKind } from './kinds.ts';
import { annotationOf, controllerOf, labelOf, titleOf } from './metadata.ts';
import { presentStanding } from './present.ts';
import type { Scene } from './scene.ts';
import { check, holderOf, type Standing } from './standing.ts';

/**
 * A pod of a StatefulSet or DaemonSet answers to the ControllerRevision that its label names: with a partition or with
 * OnDelete it may come from an earlier template than the one that stands in the object, and from an earlier human.
 */
export async function fromRevision(family: Family, scene: Scene): Promise<Descent> {
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
