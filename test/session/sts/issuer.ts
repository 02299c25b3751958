import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import type { JsonObject } from '../../../src/json.ts';
import type { JsonWebKey, Provider } from './account.ts';

/** An OpenID Connect issuer of a test's own, in place of a cluster's. */
export interface Issuer {
  readonly provider: Provider;
  /** A signed token. Members of `claims` replace what it would say of itself. */
  token(claims?: JsonObject): string;
  /** Signs with new keys from now on, and publishes those alone. */
  rotate(): void;
}

export interface IssuerOptions {
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  readonly algorithm?: 'RS256' | 'ES256';
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
}

/** The pod whose tokens these are. */
export const POD = { name: 'worker', uid: '0b6f2c1e-7d1c-4f0e-9a55-3c3f2f1f6f01' } as const;

/** What a projected token of a pod says, but for its times (Kubernetes, "Managing Service Accounts"). */
export const POD_CLAIMS = {
  sub: 'system:serviceaccount:team:agent',
  'kubernetes.io': { namespace: 'team', pod: POD, serviceaccount: { name: 'agent', uid: randomUUID() } },
} as const satisfies JsonObject;

export function createIssuer(options: IssuerOptions = {}): Issuer {
  const { issuer = 'https://oidc.test/id/CLUSTER', algorithm = 'ES256', clock = Date.now } = options;
  const audiences = options.audiences ?? ['sts.amazonaws.com'];
  let pair = keyPair(algorithm);
  return {
    provider: { issuer, audiences, keys: () => Promise.resolve([pair.jwk]) },
    token(claims = {}) {
      const now = Math.floor(clock() / 1000);
      const times = { iat: now, nbf: now, exp: now + 3600 };
      const whole = { iss: issuer, aud: audiences, ...POD_CLAIMS, ...times, ...claims };
      const signed = `${encode({ alg: algorithm, kid: pair.jwk.kid })}.${encode(whole)}`;
      const key = { key: pair.privateKey, dsaEncoding: 'ieee-p1363' as const };
      return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
    },
    rotate() {
      pair = keyPair(algorithm);
    },
  };
}

function keyPair(algorithm: 'RS256' | 'ES256') {
  const { publicKey, privateKey } =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: randomUUID() } as JsonWebKey & { kid: string };
  return { jwk, privateKey };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
