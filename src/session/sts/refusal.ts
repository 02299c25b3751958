import { excerpt } from '../log.ts';

/**
 * What STS's errors ask of a caller (STS API reference, "Common errors" and the errors of each action; throttling codes
 * as the SDKs' standard retry mode lists them).
 */

/** Worth another attempt, after a pause. Beside these, every answer with status 429 or 5xx. */
const PASSING = new Set([
  'IDPCommunicationError',
  'InternalError',
  'InternalFailure',
  'PriorRequestNotComplete',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/** The token may have been replaced meanwhile: read it again and try once more. */
const STALE = new Set(['ExpiredToken', 'ExpiredTokenException', 'InvalidIdentityToken']);

export function isPassing(status: number, code: string): boolean {
  return status === 429 || status >= 500 || PASSING.has(code);
}

/** STS understood and said no. */
export class StsRefusal extends Error {
  /** Stable, such as `AccessDenied`. */
  readonly code: string;
  /** How far our clock is from AWS's, in seconds, where the answer's date tells; positive when ours is ahead. */
  readonly clockAhead: number | undefined;

  constructor(code: string, message: string, clockAhead: number | undefined) {
    super(`${excerpt(code)}: ${excerpt(message)}`);
    this.name = 'StsRefusal';
    this.code = code;
    this.clockAhead = clockAhead;
  }

  /** Whether a newer token may help. */
  get isStale(): boolean {
    return STALE.has(this.code);
  }
}

/** SigV4 lets clocks differ by 5 minutes or, in most services, by 15. */
const TOLERANCE_SECONDS = 300;

interface Remedy {
  readonly code: RegExp;
  readonly next: string;
}

const REMEDIES: readonly Remedy[] = [
  {
    code: /^AccessDenied/,
    next:
      'let the base role and the trust policy of the session role allow sts:AssumeRole, sts:SetSourceIdentity and ' +
      'sts:TagSession for this operator, as "countersign iam aws" prints them',
  },
  { code: /^RegionDisabled/, next: 'enable STS in this region (IAM, account settings), or name another in the policy' },
  {
    code: /^PackedPolicyTooLarge/,
    next: 'switch the session tags off in the policy, or shorten those of the base role',
  },
  { code: /^ValidationError/, next: 'compare the role and the duration in the policy with those of the session role' },
  {
    code: /^(IDPRejectedClaim|InvalidIdentityToken|ExpiredToken)/,
    next: 'compare the OIDC provider in IAM with the cluster’s issuer, and its audience with the token’s',
  },
];

/** What to do about a refusal. */
export function remedyFor({ code, clockAhead }: StsRefusal): string {
  if (clockAhead !== undefined && Math.abs(clockAhead) > TOLERANCE_SECONDS) {
    const direction = clockAhead > 0 ? 'ahead of' : 'behind';
    return `set the node's clock: it is ${Math.abs(clockAhead)} seconds ${direction} AWS's`;
  }
  return REMEDIES.find((each) => each.code.test(code))?.next ?? 'look the error up in the reference of AWS STS';
}
