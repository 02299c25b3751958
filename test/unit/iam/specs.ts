import type { PolicySpec } from '../../../src/policy/schema.ts';
import { read, ROLE } from '../support/policies.ts';

export { ROLE };
export const PROVIDER = 'arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE';
export const CLUSTER = 'arn:aws:eks:eu-central-1:111122223333:cluster/agents';

const OPERATORS = [{ name: 'people', preset: 'oidc', with: { prefix: 'oidc:', domains: ['example.com'] } }];
const SESSION = { region: 'eu-central-1', roles: [{ arn: ROLE }] };
const IRSA = { identity: 'irsa', baseRole: 'arn:aws:iam::111122223333:role/countersign-base' };

/** A policy with IRSA for people of example.com, with parts replaced. */
export function specWith(change: object = {}, session: object = IRSA): PolicySpec {
  return read({ operators: OPERATORS, session: { ...SESSION, ...session }, ...change }).spec;
}
