import { Fault } from '../../errors.ts';
import type { PassingFailure } from '../retry.ts';

/** STS did not answer, for as long as we could wait. */
export function stsAway(last: PassingFailure): Fault {
  return new Fault(
    'StsUnreachable',
    `AWS STS did not answer as it should: ${last.message}. ` +
      'Next: see that the pod can reach the STS endpoint of its region (network policy, proxy, VPC endpoint, DNS)',
    { cause: last },
  );
}
