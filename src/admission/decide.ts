import { deny } from '../denials.ts';
import { readPod } from '../injection/pod.ts';
import { findResource } from '../lineage/kinds.ts';
import type { Governance } from './governance.ts';
import { type Outcome, refused } from './outcome.ts';
import { decidePod } from './pod.ts';
import type { Review } from './review.ts';
import type { Circumstances, Governed } from './scene.ts';
import { decideWorkload } from './workload.ts';
import { unstated } from './written.ts';

/** Whether a review is of a pod that is to be created. */
export function isPodCreation(review: Review): boolean {
  const { group, resource } = review.resource;
  return group === '' && resource === 'pods' && review.subResource === '' && review.operation === 'CREATE';
}

/** Whether a review is one that the mutating path may have something to say about, in a governed namespace. */
export function isOfInterest(review: Review): boolean {
  if (review.subResource !== '') return false;
  return isPodCreation(review) || (isWrite(review) && review.resource.resource !== 'pods');
}

/**
 * Decides on a pod or a workload. Everything is computed before anything is said: a pod is attributed whole or not at
 * all. Without a promise where nothing has to be read, as for every pod that a person creates.
 *
 * @throws Fault `ReviewInvalid` when the pod, or a pod template, is not shaped like one
 */
export function decide(
  review: Review,
  governance: Governance,
  circumstances: Circumstances,
): Outcome | Promise<Outcome> {
  if (!isOfInterest(review)) return { kind: 'untouched', code: 'NotReviewed' };
  const outcome = withoutPolicy(governance) ?? decideGoverned(review, governance as Governed, circumstances);
  return outcome instanceof Promise ? outcome.then((each) => guarded(review, each)) : guarded(review, outcome);
}

/** A refusal says what has to come out of the object in a mode that does not refuse. */
function guarded({ object, oldObject }: Review, outcome: Outcome): Outcome {
  if (outcome.kind !== 'refused' || object === undefined) return outcome;
  const operations = unstated(object, oldObject);
  return operations.length === 0 ? outcome : { ...outcome, operations };
}

/** The outcome where no policy can be asked. */
export function withoutPolicy(governance: Governance): Outcome | undefined {
  switch (governance.kind) {
    case 'ungoverned':
      return { kind: 'untouched', code: 'NotGoverned' };
    case 'unknown':
      return refused(undefined, deny('ClusterUnavailable', { problem: governance.problem }));
    case 'missing':
      return refused(governance.policyName, deny('PolicyMissing', { policy: governance.policyName }));
    case 'broken': {
      const { policyName: policy, problem } = governance;
      return refused(policy, deny('PolicyInvalid', { policy, problem }));
    }
    case 'governed':
      return undefined;
  }
}

function decideGoverned(
  review: Review,
  governance: Governed,
  circumstances: Circumstances,
): Outcome | Promise<Outcome> {
  if (isPodCreation(review)) return decidePod(review, readPod(review.object), governance, circumstances);
  const kind = findResource(governance.policy.kinds, review.resource);
  if (kind === undefined) return { kind: 'untouched', code: 'NotReviewed' };
  return decideWorkload(review, kind, governance, circumstances);
}

function isWrite({ operation }: Review): boolean {
  return operation === 'CREATE' || operation === 'UPDATE';
}
