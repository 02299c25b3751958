import { Fault, reasonOf } from '../../errors.ts';
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

/** What TLS says of a certificate that it does not believe (Node.js, "X509 certificate error codes"). */
const CERTIFICATE_ERROR =
  /^(CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|ERR_TLS_CERT_ALTNAME)/;

/** Whoever answers there is not STS, or our clock is years away: nothing that passes, and no place to send a token to. */
export function notSts(thrown: unknown, endpoint: URL): Fault | undefined {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (!CERTIFICATE_ERROR.test(code)) return undefined;
  return new Fault(
    'StsUnreachable',
    `the certificate at ${endpoint.host} is not one of AWS STS that this image trusts: ${reasonOf(thrown)}. ` +
      "Next: look at the node's clock, and for a proxy that answers in the place of STS",
    { cause: thrown },
  );
}
