import type { GovernanceSource } from '../../../src/admission/governance.ts';
import { firstKeys } from '../../../src/stamp/rotation.ts';
import { loadKeys } from '../../../src/stamp/keys.ts';
import type { JsonObject } from '../../../src/json.ts';
import { policyOf } from './reviews.ts';
import { startWebhook, type TestWebhook } from './webhook.ts';

/** The server as it is in a cluster that holds nothing: it stamps, and finds no owner. */
export async function startStamping(): Promise<TestWebhook> {
  const policy = policyOf();
  const governance: GovernanceSource = {
    notReady: undefined,
    governanceOf: () => ({ kind: 'governed', mode: 'enforce', policy, podSecurity: 'baseline', since: '2026-11-22' }),
  };
  const owners = { read: async () => ({ kind: 'missing' }) as const, mayUse: async () => false };
  const started = await startWebhook({ governance, lineage: { owners, cluster: () => 'test' } });
  started.webhook.setStampKeys(loadKeys(firstKeys()));
  return started;
}

/** A controller of kube-controller-manager, with a token of its own. */
export const CONTROLLER: JsonObject = {
  username: 'system:serviceaccount:kube-system:deployment-controller',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
  extra: { 'authentication.kubernetes.io/credential-id': ['JTI=1'] },
};

/** A Deployment whose parts may be anything. */
export function deployment(spec?: unknown, metadata: unknown = { name: 'web', namespace: 'agents' }): JsonObject {
  const whole = { template: { metadata: {}, spec: { containers: [{ name: 'agent', image: 'agent:1' }] } } };
  const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: spec === undefined ? whole : spec };
  return object as JsonObject;
}

export const DEPLOYMENTS = { group: 'apps', version: 'v1', resource: 'deployments' };
