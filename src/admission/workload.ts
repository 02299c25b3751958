import { sameJson } from '../json.ts';
import { type Claims, claimsOf, claimsOfAnnotation, combineClaims } from '../injection/claims.ts';
import { obstacleIn } from '../injection/obstacles.ts';
import { type Pod, readTemplate } from '../injection/pod.ts';
import { contentOf } from '../lineage/content.ts';
import type { WorkloadKind } from '../lineage/kinds.ts';
import { annotationOf } from '../lineage/metadata.ts';
import type { Scene } from '../lineage/scene.ts';
import { standingOf } from '../lineage/standing.ts';
import { ANNOTATION } from '../names.ts';
import { type Identification, identify } from '../operator/identify.ts';
import { chooseRole } from '../policy/role.ts';
import { selects } from '../policy/select.ts';
import { onBehalfOfMachine } from './machine.ts';
import { type Outcome, refused } from './outcome.ts';
import { podSecurityDenial } from './pod.ts';
import { restamp } from './restamp.ts';
import type { Submission } from './submission.ts';
import type { Review } from './review.ts';
import { type Circumstances, type Governed, sceneOf } from './scene.ts';
import { authorOf, groupsFor } from './statement.ts';
import { keep, strip, type Written, write } from './written.ts';

/**
 * Decides on a workload that is created or changed, other than by deletion. What a human or a delegator submits is
 * stamped with their name; what a carrier makes gets custody; whatever else is written leaves both as they were.
 */
export function decideWorkload(
  review: Review,
  kind: WorkloadKind,
  governance: Governed,
  circumstances: Circumstances,
): Outcome | Promise<Outcome> {
  const { policy } = governance;
  const object = review.object ?? {};
  const content = contentOf(object, kind);
  const pods = content.templates.map(readTemplate);
  const result = sceneOf(review.namespace, governance, circumstances);
  if (result.kind === 'off') return { kind: 'untouched', code: 'NotReviewed' };

  const written: Written = { object, old: review.oldObject, kind, policyName: policy.name };
  if (pods.length > 0 && !pods.some((pod) => selects(policy.pods, pod))) return strip(written, 'NotSelected');
  if (result.kind === 'refused') return refused(policy.name, result.denial);
  const before = review.oldObject && contentOf(review.oldObject, kind);
  const submission: Submission = { review, kind, governance, scene: result.scene, written, content, before };

  const restamped = annotationOf(object, ANNOTATION.restamp);
  if (restamped !== undefined) return restamp(submission, restamped);
  const claims = combineClaims([
    claimsOfAnnotation(annotationOf(object, ANNOTATION.onBehalfOf)),
    ...pods.map((pod) => claimsOf(pod)),
  ]);
  const who = identify(policy.identity, review.requester, claims.operator, review.namespace);
  if (who.kind === 'refused') return onBehalfOfMachine(submission, who.denial);
  return byPerson(submission, who, claims, pods);
}

/** A human, or a delegator in a human's name. */
function byPerson(
  submission: Submission,
  who: Exclude<Identification, { kind: 'refused' }>,
  claims: Claims,
  pods: readonly Pod[],
): Outcome {
  const { review, kind, governance, scene, written, content, before } = submission;
  const { policy } = governance;
  // A revision is made by a controller, and counts only as what its owner's stamp says.
  if (kind.kind === 'ControllerRevision') return before === undefined ? strip(written, 'NotReviewed') : keep(written);
  const changed = before === undefined || !sameJson(before.submitted, content.submitted);
  if (!changed && isAttributed(review.oldObject, kind, scene)) return keep(written);

  const author = authorOf(who, review.requester, policy);
  const byWhom = { operator: author.op, rule: author.rule };
  const role = chooseRole(policy, author.op, groupsFor(author), claims.role);
  // Without a role nobody's name is put on it; to label what runs already takes none.
  if (role.kind === 'refused') return changed ? refused(policy.name, role.denial, byWhom) : keep(written);
  if (changed) {
    // Here and not only at the pod, where nobody sees it.
    const denial =
      podSecurityDenial(review.namespace, governance) ??
      pods.map((pod) => obstacleIn(pod, policy)).find((each) => each !== undefined);
    if (denial !== undefined) return refused(policy.name, denial, byWhom);
  }
  return write(written, { type: 'stamp', code: 'Stamped', author, role: role.arn }, scene);
}

/** Whether somebody who has not left stands behind an object. */
function isAttributed(object: Review['oldObject'], kind: WorkloadKind, scene: Scene): boolean {
  if (object === undefined) return false;
  const standing = standingOf(object, kind, scene);
  return standing.kind === 'stands' && !scene.policy.identity.left.has(standing.claims.op);
}
