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

/** The token may have been replaced meanwhile. */
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

/** Asks, and once more when kubelet may have replaced the token meanwhile; `ask` reads it anew each time. */
export async function withFreshToken<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (thrown) {
    if (!(thrown instanceof StsRefusal) || !thrown.isStale) throw thrown;
    return ask();
  }
}

/** A signature carries our time, and STS takes it for a quarter of an hour at most. */
const OF_SIGNATURE = /^(SignatureDoesNotMatch|InvalidSignature|RequestExpired|RequestTimeTooSkewed)/;
const SKEW_SECONDS = 60;

/** Which role was asked for. */
export type Step = 'base' | 'session';

interface Remedy {
  readonly code: RegExp;
  readonly step?: Step;
  readonly next: string;
}

/** The first that fits. */
const REMEDIES: readonly Remedy[] = [
  {
    code: /^AccessDenied/,
    step: 'base',
    next: 'let the trust policy of the base role allow this service account, as "countersign iam aws" prints it',
  },
  {
    code: /^AccessDenied/,
    step: 'session',
    next:
      'let the base role and the trust policy of the session role allow sts:AssumeRole, sts:SetSourceIdentity and ' +
      'sts:TagSession for this operator, as "countersign iam aws" prints them',
  },
  {
    code: /^ExpiredToken/,
    step: 'base',
    next: "look at the events of the pod, as kubelet renews its token, and at the node's clock",
  },
  {
    code: /^(IDPRejectedClaim|InvalidIdentityToken)/,
    step: 'base',
    next: 'compare the OIDC provider in IAM with the issuer of the cluster, and its audience with the token’s',
  },
  { code: /^RegionDisabled/, next: 'enable STS in this region (IAM, account settings), or name another in the policy' },
  {
    code: /^PackedPolicyTooLarge/,
    next: 'switch the session tags off in the policy, or shorten those of the base role',
  },
  { code: /^ValidationError/, next: 'compare role and duration in the policy with those of the role in IAM' },
];

/** What to do about a refusal. */
export function remedyFor({ code, clockAhead }: StsRefusal, step: Step): string {
  if (OF_SIGNATURE.test(code) && clockAhead !== undefined && Math.abs(clockAhead) > SKEW_SECONDS) {
    const direction = clockAhead > 0 ? 'ahead of' : 'behind';
    return `set the node's clock: it is ${Math.abs(clockAhead)} seconds ${direction} AWS's`;
  }
  const fits = (remedy: Remedy): boolean => remedy.code.test(code) && (remedy.step ?? step) === step;
  return REMEDIES.find(fits)?.next ?? 'look this error up in the API reference of AWS STS';
}
