/** IAM policy documents as plain data (IAM user guide, "JSON policy element reference"). */

export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  /** Only in trust policies. */
  readonly Principal?: { readonly AWS?: string; readonly Federated?: string; readonly Service?: string };
  readonly Action?: string | readonly string[];
  readonly NotAction?: readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: readonly string[];
  /** Operator, then key, then value or values. */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export function documentOf(...statements: readonly Statement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

/**
 * Characters of a policy as IAM counts them: without white space outside of strings. A trust policy may have 2,048
 * unless the account's quota was raised, to 4,096 at most (IAM user guide, "IAM and STS quotas").
 */
export function lengthOf(document: PolicyDocument): number {
  return JSON.stringify(document).length;
}

export const TRUST_POLICY_QUOTA = { default: 2048, most: 4096 } as const;
