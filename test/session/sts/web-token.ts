import { createPublicKey, verify } from 'node:crypto';
import { isObject, type JsonObject } from '../../../src/json.ts';
import { type Account, listOf, type OneOrMore, type Provider } from './account.ts';
import { Refusal } from './refusal.ts';

/** A token of an OpenID Connect provider that was verified. */
export interface WebIdentity {
  readonly provider: Provider;
  readonly subject: string;
  readonly audience: string;
  /** `https://aws.amazon.com/source_identity`. */
  readonly sourceIdentity: string | undefined;
  /** `https://aws.amazon.com/tags`. */
  readonly tags: readonly { key: string; value: string }[];
  readonly transitive: readonly string[];
  readonly claims: JsonObject;
}

/** The algorithms that IAM takes, as node:crypto names them. */
const ALGORITHMS: Readonly<Record<string, { readonly hash: string; readonly kty: string }>> = {
  RS256: { hash: 'sha256', kty: 'RSA' },
  ES256: { hash: 'sha256', kty: 'EC' },
};

/**
 * Verifies a web identity token against the account's providers.
 *
 * @param now milliseconds since the epoch
 * @throws Refusal `InvalidIdentityToken` or `ExpiredTokenException`
 */
export async function verifyWebToken(token: string, account: Account, now: number): Promise<WebIdentity> {
  const [head = '', payload = '', signature = '', ...rest] = token.split('.');
  const header = decode(head);
  const claims = decode(payload);
  if (header === undefined || claims === undefined || rest.length > 0)
    throw bad('The ID Token provided is not a valid JWT.');
  const provider = account.providers?.find(({ issuer }) => issuer === claims['iss']);
  if (provider === undefined) throw bad(`No OpenIDConnect provider found in your account for ${text(claims['iss'])}`);
  const algorithm = ALGORITHMS[text(header['alg'])];
  const key = (await provider.keys()).find(({ kid, kty }) => kid === header['kid'] && kty === algorithm?.kty);
  if (algorithm === undefined || key === undefined)
    throw bad("Couldn't retrieve verification key from your identity provider");
  const publicKey = { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const };
  if (!verify(algorithm.hash, Buffer.from(`${head}.${payload}`), publicKey, Buffer.from(signature, 'base64url'))) {
    throw bad('The ID Token provided is not signed by its issuer.');
  }
  const audience = listOf(claims['aud'] as OneOrMore).find((each) => provider.audiences.includes(each));
  if (audience === undefined) throw bad('Incorrect token audience');
  checkTimes(claims, now / 1000);
  return { provider, subject: text(claims['sub']), audience, claims, ...awsClaims(claims) };
}

function checkTimes({ exp, nbf }: JsonObject, now: number): void {
  if (typeof exp !== 'number') throw bad('Missing a required claim: exp');
  if (now >= exp) {
    const at = Math.floor(now);
    const message = `Token expired: current date/time ${at} must be before the expiration date/time ${exp}`;
    throw new Refusal(400, 'ExpiredTokenException', message);
  }
  if (typeof nbf === 'number' && now < nbf) throw bad('Token is not valid yet');
}

/** What the issuer says to AWS (IAM user guide, "Passing session tags", "Using source identity"). */
function awsClaims(claims: JsonObject): Pick<WebIdentity, 'sourceIdentity' | 'tags' | 'transitive'> {
  const sourceIdentity = claims['https://aws.amazon.com/source_identity'];
  if (sourceIdentity !== undefined && typeof sourceIdentity !== 'string') throw bad('source_identity is not a string');
  const said = claims['https://aws.amazon.com/tags'];
  const { principal_tags: tags = {}, transitive_tag_keys: transitive = [] } = isObject(said) ? said : {};
  return {
    sourceIdentity,
    tags: Object.entries(tags as Record<string, readonly string[]>).map(([key, values]) => {
      const [value, second] = values;
      if (value === undefined || second !== undefined) throw bad(`the tag ${key} does not have one value`);
      return { key, value };
    }),
    transitive: transitive as readonly string[],
  };
}

function decode(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function bad(message: string): Refusal {
  return new Refusal(400, 'InvalidIdentityToken', message);
}
