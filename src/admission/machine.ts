import { type Denial, deny } from '../denials.ts';
import { sameJson } from '../json.ts';
import { descend } from '../lineage/descend.ts';
import { findKind, handsAnnotationsDown, isSameKind } from '../lineage/kinds.ts';
import { annotationOf, controllerOf, nameOf, titleOf, uidOf } from '../lineage/metadata.ts';
import { holderOf, standingOf } from '../lineage/standing.ts';
import { ANNOTATION } from '../names.ts';
import { doubtAboutServiceAccount, isMachine } from '../operator/requester.ts';
import { adjusterOf } from './adjust.ts';
import { type Outcome, refused } from './outcome.ts';
import { authorIn } from './statement.ts';
import type { Submission } from './submission.ts';
import { isHandOn } from './who.ts';
import { keep, keepWith, strip, write } from './written.ts';

/**
 * Decides on a workload written by somebody who is no operator: a controller, a session, a person whom no rule knows.
 *
 * @param denial why the requester is nobody
 */
export function onBehalfOfMachine(submission: Submission, denial: Denial): Outcome | Promise<Outcome> {
  const { review, kind, written, content, before } = submission;
  const owned = controllerOf(written.object) !== undefined;
  if (kind.kind === 'ControllerRevision') return revision(submission);
  if (before === undefined) {
    return owned && isHandOn(denial) ? handOn(submission) : refusedFor(submission, denial);
  }
  const machine = isMachine(review.requester) && isHandOn(denial);
  if (sameJson(before.covered, content.covered)) {
    // Whoever is nobody may scale, label and annotate; adoption by a controller changes labels of the template too.
    const same = sameJson(before.submitted, content.submitted);
    if (!same && !machine) return refusedFor(submission, denial);
    if (!same && !isController(submission) && !isRelabelled(submission)) return changed(submission);
    return machine && isCarrier(submission) ? byCarrier(submission) : keep(written);
  }
  if (!machine) return refusedFor(submission, denial);
  const adjusted = adjust(submission);
  if (adjusted !== undefined) return adjusted;
  if (owned && isCarrier(submission)) return handOn(submission);
  return changed(submission);
}

function changed({ review, kind, written }: Submission): Outcome {
  const object = titleOf(kind, nameOf(written.object));
  return refused(written.policyName, deny('TemplateChanged', { requester: review.requester.username, object }));
}

/**
 * Whether all that differs is what a machine may change of somebody else's template: labels and annotations.
 *
 * - Without a template the digest leaves out what a controller rewrites; that is for the controller to write alone.
 * - Claims stand in for volumes of the template: another's programs would run in the author's name.
 * - Injectors take orders from annotations of pods, down to which image they add, and whoever may edit here can act as
 *   the service accounts that live here: as a human the same change would be theirs.
 */
function isRelabelled({ review, content, before }: Submission): boolean {
  if (content.templates.length === 0 || !sameJson(before?.claims, content.claims)) return false;
  return doubtAboutServiceAccount(review.requester, review.namespace) === undefined;
}

/** Whether the requester makes what is made for objects of this kind. */
function isController({ review, kind, scene }: Submission): boolean {
  const { requester, namespace } = review;
  const known = scene.policy.carriers.some(
    (each) => each.username === requester.username && isSameKind(each.owner, kind),
  );
  return known && doubtAboutServiceAccount(requester, namespace) === undefined;
}

function refusedFor({ written }: Submission, denial: Denial): Outcome {
  return refused(written.policyName, denial);
}

/** Whether the requester makes objects of this kind for this one's controller. */
function isCarrier({ review, kind, written, scene }: Submission): boolean {
  const owner = controllerOf(written.object);
  if (owner === undefined) return false;
  return scene.policy.carriers.some(
    (each) =>
      each.username === review.requester.username && isSameKind(each.owner, owner) && isSameKind(each.child, kind),
  );
}

/** What a carrier makes, or makes anew, gets custody; or is refused, where nobody stands behind its owner. */
async function handOn(submission: Submission): Promise<Outcome> {
  const { review, kind, scene, written } = submission;
  const descent = await descend({ object: written.object, kind, workload: kind }, review.requester, scene);
  if (descent.kind === 'refused') return refused(written.policyName, descent.denial);
  const { claims, parent } = descent;
  const author = { ...authorIn(claims), root: claims.root ?? parent };
  return write(written, { type: 'custody', code: 'HandedOn', author, role: claims.role, parent }, scene);
}

/**
 * A carrier writes to what it made, and changes nothing that runs. It may copy its owner's stamp along, as the
 * Deployment controller does: when that is a new one, somebody else submitted the same template (an undo, an adoption),
 * and the pods from now on are theirs. It is never refused: that would block rollouts that drain.
 */
async function byCarrier(submission: Submission): Promise<Outcome> {
  const { kind, written } = submission;
  const { object, old } = written;
  // Here the stamp is its own, and no copy.
  if (handsAnnotationsDown(kind)) return keep(written);
  const stamp = annotationOf(object, ANNOTATION.stamp);
  if (stamp !== annotationOf(old, ANNOTATION.stamp)) {
    const outcome = await handOn(submission);
    if (outcome.kind !== 'refused') return outcome;
  }
  return keepWith(written, { [ANNOTATION.stamp]: stamp, [ANNOTATION.custody]: annotationOf(old, ANNOTATION.custody) });
}

/**
 * A revision carries copies of what stood on its owner when it was made. When its owner comes back to it, what stands
 * on the owner now is put on it: from here on its pods are of whoever brought it back.
 */
async function revision(submission: Submission): Promise<Outcome> {
  const { review, kind, scene, written, before } = submission;
  const { object, old } = written;
  const copies = {
    [ANNOTATION.stamp]: annotationOf(object, ANNOTATION.stamp),
    [ANNOTATION.custody]: annotationOf(object, ANNOTATION.custody),
  };
  if (!isCarrier(submission)) return before === undefined ? strip(written, 'NotReviewed') : keep(written);
  if (before === undefined) return keepWith(written, copies);
  const owner = controllerOf(object);
  const ownerKind = owner && findKind(scene.policy.kinds, owner);
  if (object['revision'] === old?.['revision'] || owner === undefined || ownerKind === undefined) return keep(written);
  const wanted = { kind: ownerKind, version: owner.version, namespace: review.namespace, name: owner.name };
  const read = await scene.owners.read(wanted, scene.deadline);
  if (read.kind !== 'found' || uidOf(read.object) !== owner.uid) return keep(written);
  if (holderOf(read.object, ownerKind).digest !== holderOf(object, kind).digest) return keep(written);
  return keepWith(written, {
    [ANNOTATION.stamp]: annotationOf(read.object, ANNOTATION.stamp),
    [ANNOTATION.custody]: annotationOf(read.object, ANNOTATION.custody),
  });
}

/** An adjuster's change keeps the name of whoever submitted, with the adjuster's rule beside it. */
function adjust({ review, kind, scene, written }: Submission): Outcome | undefined {
  const { object, old } = written;
  if (old === undefined) return undefined;
  const { requester, namespace } = review;
  const adjuster = adjusterOf(scene.policy.adjusters, requester.username, old, object, kind);
  // Whoever may edit its namespace can act as a service account there.
  if (adjuster === undefined || doubtAboutServiceAccount(requester, namespace) !== undefined) return undefined;
  const standing = standingOf(old, kind, scene);
  // Not theirs to be the first to change: nobody answers for what would run.
  if (standing.kind !== 'stands') return undefined;
  const { claims } = standing;
  const adjusted = [...new Set([...(claims.adjusted ?? []), adjuster.name])];
  const author = { ...authorIn(claims), adjusted };
  const type = claims.typ === 'custody' ? 'custody' : 'stamp';
  const { role, parent } = claims;
  return write(written, { type, code: 'Adjusted', author, role, ...(parent && { parent }) }, scene);
}
