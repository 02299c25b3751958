import { deny } from '../denials.ts';
import { API } from '../names.ts';
import { formatProblem, readPolicy } from '../policy/read.ts';
import type { Review } from './review.ts';
import type { Verdict } from './verdict.ts';

const MAX_WARNINGS = 8;

/** Decides on a policy that is being written: what cannot work is refused, what may be regretted is warned of. */
export async function reviewPolicy(review: Review): Promise<Verdict> {
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
  // The analysis of patterns is needed here alone, and loading it would slow every start.
  const { formatFinding, lintPolicy } = await import('../policy/lint.ts');
  const warnings = lintPolicy(result.read).map(formatFinding);
  return { ...verdict, warnings: warnings.slice(0, MAX_WARNINGS) };
}

function rejected(verdict: Verdict, problems: readonly string[]): Verdict {
  const shown = problems.slice(0, MAX_WARNINGS);
  const more = problems.length - shown.length;
  const denial = deny('PolicyRejected', { problems: [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ') });
  return { ...verdict, allowed: false, code: denial.code, message: denial.message };
}
