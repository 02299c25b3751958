import { deny } from '../denials.ts';
import { isObject, sameJson } from '../json.ts';
import { controllerOf } from '../lineage/metadata.ts';
import { VERB } from '../names.ts';
import { flawOf } from '../operator/canonical.ts';
import { sessionOf } from '../operator/requester.ts';
import { chooseRole } from '../policy/role.ts';
import { type Outcome, refused } from './outcome.ts';
import { recordOf } from './statement.ts';
import type { Submission } from './submission.ts';
import { write } from './written.ts';

const MAX_REASON = 256;

/**
 * Stamps an object in the name that somebody with the verb `restamp` gives, after a key was lost or a person left. Who
 * gave it, and why, stands in the stamp.
 *
 * @param asked the annotation: JSON with `operator` and `reason`
 */
export async function restamp(submission: Submission, asked: string): Promise<Outcome> {
  const { review, kind, scene, written, before, content } = submission;
  const { requester } = review;
  const { policy } = scene;
  const session = sessionOf(requester);
  if (session !== undefined) return refused(policy.name, deny('SessionRequester', { session }));
  const allowed = await scene.owners.mayUse(VERB.restamp, requester, scene.deadline);
  if (allowed === undefined) {
    const problem = 'the API server did not say in time who may restamp';
    return refused(policy.name, deny('ClusterUnavailable', { problem }));
  }
  if (!allowed) return refused(policy.name, deny('RestampNotAllowed', { requester: requester.username }));

  const wish = read(asked);
  if ('problem' in wish) return refused(policy.name, deny('RestampUnclear', wish));
  // A change of what runs has an author of its own, whose name must not be covered by another one.
  if (before === undefined || !sameJson(before.submitted, content.submitted)) {
    return refused(policy.name, deny('RestampUnclear', { problem: 'it comes with a change of what runs' }));
  }
  const { operator, reason } = wish;
  if (policy.identity.left.has(operator)) {
    return refused(policy.name, deny('OperatorLeft', { operator, policy: policy.name }));
  }
  const role = chooseRole(policy, operator, [], { kind: 'none' });
  if (role.kind === 'refused') return refused(policy.name, role.denial);
  const author = {
    op: operator,
    how: 'restamped',
    rule: VERB.restamp,
    by: requester.username,
    reason,
    req: recordOf(requester, policy),
  } as const;
  // What stands on a revision counts as a copy of what its owner carried when it was made.
  const owner = kind.kind === 'ControllerRevision' ? controllerOf(written.object) : undefined;
  const about = owner && { group: owner.group, kind: owner.kind, name: owner.name };
  const statement = { type: 'stamp', code: 'Restamped', author, role: role.arn, ...(about && { about }) } as const;
  return write(written, statement, scene);
}

function read(asked: string): { operator: string; reason: string } | { problem: string } {
  let wish: unknown;
  try {
    wish = JSON.parse(asked);
  } catch {
    return { problem: 'it is not JSON' };
  }
  if (!isObject(wish)) return { problem: 'it is not a JSON object' };
  const { operator, reason } = wish;
  if (typeof operator !== 'string') return { problem: 'operator is missing' };
  const flaw = flawOf(operator);
  if (flaw !== undefined) return { problem: `the operator is not one: ${flaw}` };
  if (typeof reason !== 'string' || reason.trim() === '') return { problem: 'reason is missing' };
  if (reason.length > MAX_REASON) return { problem: `the reason has more than ${MAX_REASON} characters` };
  return { operator, reason };
}
