import { createHash } from 'node:crypto';
import type { JsonObject } from '../../../src/json.ts';
import type { Service, Trace } from './actions.ts';
import { unchunk } from './chunked.ts';
import { type Arrived, header } from './http.ts';
import { authorizeCall } from './principal.ts';
import { keyIdentity } from './records.ts';
import { Refusal } from './refusal.ts';
import { verifySignature } from './signature.ts';
import { document } from './xml.ts';

/** Three calls of S3, with the bucket in the path: what a session is for is to call something with it. */

export type S3Operation =
  | { readonly name: 'ListBuckets' }
  | { readonly name: 'PutObject' | 'GetObject'; readonly bucket: string; readonly key: string };

export interface S3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** Buckets with their objects. */
export type Buckets = Map<string, Map<string, Buffer>>;

export function s3Operation({ method, path }: Arrived): S3Operation {
  const [, bucket = '', ...rest] = path.split('/').map(decodeURIComponent);
  const key = rest.join('/');
  if (method === 'GET' && bucket === '') return { name: 'ListBuckets' };
  if (method === 'PUT' && key !== '') return { name: 'PutObject', bucket, key };
  if (method === 'GET' && key !== '') return { name: 'GetObject', bucket, key };
  throw new Refusal(501, 'NotImplemented', `the S3 stand-in has no ${method} of ${path}`);
}

const ACTION = { ListBuckets: 's3:ListAllMyBuckets', PutObject: 's3:PutObject', GetObject: 's3:GetObject' } as const;

/** Carries out one call. @throws Refusal with S3's codes */
export function performS3(
  { account, keys, clock }: Service,
  request: Arrived,
  operation: S3Operation,
  buckets: Buckets,
  trace: Trace,
): S3Answer {
  const key = inS3Words(() => verifySignature(request, keys, { region: account.region, service: 's3', now: clock() }));
  trace.identity = keyIdentity(account, key);
  trace.asked = describe(operation);
  const resource = operation.name === 'ListBuckets' ? '*' : `arn:aws:s3:::${operation.bucket}/${operation.key}`;
  authorizeCall(account, key, ACTION[operation.name], resource);
  if (operation.name === 'ListBuckets') return xml(listing(buckets));
  const bucket = buckets.get(operation.bucket);
  if (bucket === undefined) throw new Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist');
  if (operation.name === 'PutObject') {
    const encoded = (header(request, 'x-amz-content-sha256') ?? '').startsWith('STREAMING-');
    const object = encoded ? unchunk(request.body) : request.body;
    bucket.set(operation.key, object);
    return { status: 200, headers: { etag: etag(object) }, body: '' };
  }
  const object = bucket.get(operation.key);
  if (object === undefined) throw new Refusal(404, 'NoSuchKey', 'The specified key does not exist.');
  return { status: 200, headers: { etag: etag(object), 'content-type': 'binary/octet-stream' }, body: object };
}

export function s3Error({ status, code, message }: Refusal, requestId: string): S3Answer {
  return { ...xml(document('Error', { Code: code, Message: message, RequestId: requestId })), status };
}

function listing(buckets: Buckets): string {
  const bucket = Array.from(buckets.keys(), (Name) => ({ Name, CreationDate: '2026-01-01T00:00:00.000Z' }));
  const content = { Owner: { ID: 'stand-in' }, Buckets: { Bucket: bucket } };
  return document('ListAllMyBucketsResult', content, 'http://s3.amazonaws.com/doc/2006-03-01/');
}

function describe(operation: S3Operation): JsonObject {
  return operation.name === 'ListBuckets' ? {} : { bucketName: operation.bucket, key: operation.key };
}

function xml(body: string): S3Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function etag(object: Buffer): string {
  return `"${createHash('md5').update(object).digest('hex')}"`;
}

/** S3 has codes of its own for what is wrong with keys and signatures. */
const S3_CODE: Readonly<Record<string, readonly [status: number, code: string]>> = {
  MissingAuthenticationToken: [403, 'AccessDenied'],
  InvalidClientTokenId: [403, 'InvalidAccessKeyId'],
  ExpiredToken: [400, 'ExpiredToken'],
  IncompleteSignature: [400, 'InvalidRequest'],
};

function inS3Words<Result>(verify: () => Result): Result {
  try {
    return verify();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const skewed = /^Signature (expired|not yet)/.test(error.message);
    const [status, code] = skewed ? [403, 'RequestTimeTooSkewed'] : (S3_CODE[error.code] ?? [error.status, error.code]);
    throw new Refusal(status, code, error.message);
  }
}
