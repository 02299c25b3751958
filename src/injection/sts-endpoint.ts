/**
 * The public endpoint of AWS STS in a region (AWS general reference, "AWS STS endpoints"). In partitions other than AWS
 * and AWS China it is another one, which has to be named.
 */
export function publicStsEndpoint(region: string): string {
  return `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
