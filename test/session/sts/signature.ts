import { canonicalRequest, type Scope, sha256, signatureOf } from './canonical.ts';
import { type Arrived, header } from './http.ts';
import type { AccessKey, AccessKeys } from './keys.ts';
import { Refusal } from './refusal.ts';

/** What a service expects of signatures to it. */
export interface SignatureRules {
  readonly region: string;
  readonly service: 'sts' | 's3';
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** How far a client's clock may be off, either way. */
const SKEW_SECONDS = 15 * 60;

/**
 * Verifies who sent a request, and that nothing signed of it was changed.
 *
 * @returns the keys that it is signed with
 * @throws Refusal with AWS's code for what is wrong; S3's codes are those of `s3.ts`
 */
export function verifySignature(request: Arrived, keys: AccessKeys, rules: SignatureRules): AccessKey {
  const claim = parse(header(request, 'authorization'));
  checkScope(claim.scope, rules);
  const time = header(request, 'x-amz-date') ?? '';
  if (!/^\d{8}T\d{6}Z$/.test(time)) throw incomplete('no X-Amz-Date');
  if (!time.startsWith(claim.scope.date)) throw mismatch('Date in Credential scope does not match the request’s date');
  checkTime(time, rules.now);
  const key = keys.find(claim.accessKeyId);
  if (key === undefined) throw unknownKey();
  checkSessionToken(request, key, rules.now);
  for (const name of mustBeSigned(request)) {
    if (!claim.signedHeaders.includes(name)) throw incomplete(`the header ${name} is not signed`);
  }
  const canonical = canonicalRequest(request, claim.signedHeaders, payloadHash(request, rules.service));
  if (signatureOf(canonical, key.secretAccessKey, time, claim.scope) !== claim.signature) {
    throw mismatch('The request signature we calculated does not match the signature you provided.');
  }
  return key;
}

interface Claim {
  readonly accessKeyId: string;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const SCOPE = String.raw`([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request`;
const AUTHORIZATION = new RegExp(
  `^AWS4-HMAC-SHA256 Credential=${SCOPE}, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$`,
);

function parse(authorization: string | undefined): Claim {
  if (authorization === undefined) {
    throw new Refusal(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
  }
  const [, accessKeyId, date, region, service, headers, signature] = AUTHORIZATION.exec(authorization) ?? [];
  if (signature === undefined) throw incomplete('the Authorization header cannot be read');
  return {
    accessKeyId: accessKeyId ?? '',
    scope: { date: date ?? '', region: region ?? '', service: service ?? '' },
    signedHeaders: (headers ?? '').split(';'),
    signature,
  };
}

function checkScope({ region, service }: Scope, rules: SignatureRules): void {
  if (service !== rules.service) throw mismatch(`Credential should be scoped to correct service: '${rules.service}'.`);
  if (region !== rules.region) throw mismatch(`Credential should be scoped to a valid region, not '${region}'.`);
}

function checkTime(time: string, now: number): void {
  const at = Date.parse(time.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  const off = (at - now) / 1000;
  const here = new Date(now).toISOString();
  if (off < -SKEW_SECONDS) throw mismatch(`Signature expired: ${time} is now earlier than ${here} - 15 min.`);
  if (off > SKEW_SECONDS) throw mismatch(`Signature not yet current: ${time} is still later than ${here} + 15 min.`);
}

function checkSessionToken(request: Arrived, key: AccessKey, now: number): void {
  const token = header(request, 'x-amz-security-token');
  if (token !== (key.kind === 'session' ? key.sessionToken : undefined)) throw unknownKey();
  if (key.kind === 'session' && now >= key.expiresAt) {
    throw new Refusal(403, 'ExpiredToken', 'The security token included in the request is expired');
  }
}

/** Whoever could leave one of these out could change it on the way. */
function mustBeSigned({ headers }: Arrived): readonly string[] {
  return ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
}

/** STS reads the body itself; S3 takes the hash that the client signed, and compares unless the client chose not to. */
function payloadHash(request: Arrived, service: SignatureRules['service']): string {
  const actual = sha256(request.body);
  const claimed = header(request, 'x-amz-content-sha256');
  if (service === 's3' && claimed === undefined) throw incomplete('no X-Amz-Content-SHA256');
  if (service === 's3' && (claimed === 'UNSIGNED-PAYLOAD' || claimed === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')) {
    return claimed;
  }
  if (claimed !== undefined && claimed !== actual) throw mismatch('The body does not have the hash that was signed.');
  return actual;
}

function unknownKey(): Refusal {
  return new Refusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
}

function mismatch(message: string): Refusal {
  return new Refusal(403, 'SignatureDoesNotMatch', message);
}

function incomplete(flaw: string): Refusal {
  return new Refusal(400, 'IncompleteSignature', `Request must contain a complete signature: ${flaw}`);
}
