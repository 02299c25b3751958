import { deny } from '../denials.ts';
import { API } from '../names.ts';
import { formatProblem, readPolicy } from '../policy/read.ts';
import type { Review } from './review.ts';
import type { Verdict } from './verdict.ts';

/** Problems named in one refusal. */
const MAX_PROBLEMS = 8;

/**
 * Decides on a policy that is being written: what cannot work is refused. What may be regretted is left to
 * `countersign policy lint`: to compare what patterns match can take seconds, in which pods would wait.
 */
export function reviewPolicy(review: Review): Verdict {
  const verdict: Verdict = {
    allowed: true,
    code: 'PolicyAccepted',
    message: undefined,
    operations: [],
    warnings: [],
    auditAnnotations: {},
  };
  const { group, resource } = review.resource;
  const written = review.operation === 'CREATE' || review.operation === 'UPDATE';
  if (group !== API.group || resource !== API.policyPlural || review.subResource !== '' || !written) {
    return { ...verdict, code: 'NotReviewed' };
  }
  const result = readPolicy(review.object);
  if (!result.ok) return rejected(verdict, result.problems.map(formatProblem));
  return verdict;
}

function rejected(verdict: Verdict, problems: readonly string[]): Verdict {
  const shown = problems.slice(0, MAX_PROBLEMS);
  const more = problems.length - shown.length;
  const denial = deny('PolicyRejected', { problems: [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ') });
  return { ...verdict, allowed: false, code: denial.code, message: denial.message };
}
