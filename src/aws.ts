/** How AWS writes what policies, sessions and their tools all have to know. */

/**
 * The ARN of a role: path and name characters (IAM API reference, "Role"), without `$`, which kubelet expands in
 * variables.
 */
export const ROLE_ARN = /^arn:aws[a-z-]*:iam::[0-9]{12}:role\/([!-#%-~]+\/)?[A-Za-z0-9_+=,.@-]{1,64}$/;

export const REGION = /^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$/;

/**
 * The public endpoint of AWS STS in a region (AWS general reference, "AWS STS endpoints"). In partitions other than AWS
 * and AWS China it is another one, which has to be named.
 */
export function publicStsEndpoint(region: string): string {
  return `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
