import type { Policy } from '../../../src/policy/compile.ts';
import { type ReadPolicy, readPolicy } from '../../../src/policy/read.ts';

export const ROLE = 'arn:aws:iam::111122223333:role/agent';

const SESSION = { identity: 'pod-identity', region: 'eu-central-1', roles: [{ arn: ROLE }] };

/** A policy object with the given parts of its spec. */
export function policyObject(spec: object = {}): object {
  return {
    apiVersion: 'countersign.dev/v1alpha1',
    kind: 'AttributionPolicy',
    metadata: { name: 'test' },
    spec: { session: SESSION, ...spec },
  };
}

/** The same, read; fails the test when it is not a policy. */
export function read(spec: object = {}): ReadPolicy {
  const result = readPolicy(policyObject(spec));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.read;
}

export function policy(spec: object = {}): Policy {
  return read(spec).policy;
}

/** What is wrong with a policy, as `path: message`. */
export function problems(object: object): string[] {
  const result = readPolicy(object);
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

/** One rule that takes any username of the form `oidc:NAME`. */
export const PEOPLE = { operators: [{ name: 'people', match: { username: 'oidc:(.+)' } }] };
