import { createHash, createHmac } from 'node:crypto';
import { type Arrived, header } from './http.ts';

/** What Signature Version 4 is computed over (IAM user guide, "Create a signed AWS API request"). */

export interface Scope {
  /** `YYYYMMDD` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The request in one form, whatever way it was written. */
export function canonicalRequest(request: Arrived, signedHeaders: readonly string[], payloadHash: string): string {
  const headers = signedHeaders.map((name) => `${name}:${(header(request, name) ?? '').trim().replace(/ +/g, ' ')}\n`);
  return [
    request.method,
    // S3 signs the path as it is sent. The path of STS is always `/`.
    request.path,
    canonicalQuery(request.query),
    headers.join(''),
    signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
}

function canonicalQuery(query: string): string {
  const pairs = query.split('&').filter((pair) => pair !== '');
  return pairs
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .toSorted()
    .join('&');
}

/** The signature that only who has the secret can make. @param time `YYYYMMDDTHHMMSSZ` */
export function signatureOf(canonical: string, secret: string, time: string, scope: Scope): string {
  const { date, region, service } = scope;
  const text = ['AWS4-HMAC-SHA256', time, `${date}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<Buffer | string>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    `AWS4${secret}`,
  );
  return createHmac('sha256', key).update(text).digest('hex');
}
