import { identify } from '../operator/identify.ts';
import { isAccess, operatorOf } from './access.ts';
import { withoutPolicy } from './decide.ts';
import type { Governance } from './governance.ts';
import type { Outcome } from './outcome.ts';
import type { Review } from './review.ts';
import type { Circumstances, Governed } from './scene.ts';

/**
 * Records that somebody entered another person's session by the verb `break-glass`. It refuses nothing: the guard is
 * not asked about them at all, so that they get in also when Countersign is the reason why they must.
 */
export async function breakGlass(
  review: Review,
  governance: Governance,
  circumstances: Circumstances,
): Promise<Outcome> {
  const hindered = withoutPolicy(governance);
  if (hindered !== undefined || !isAccess(review)) return { kind: 'untouched', code: 'NotReviewed' };
  const { policy } = governance as Governed;
  const operator = await operatorOf(review, circumstances);
  if (operator === undefined) return { kind: 'untouched', code: 'NoSession', policyName: policy.name };
  const who = identify(policy.identity, review.requester, { kind: 'none' }, review.namespace);
  if (who.kind === 'direct' && who.operator === operator) {
    return { kind: 'untouched', code: 'Permitted', policyName: policy.name };
  }
  return { kind: 'glass', policyName: policy.name, operator };
}
