import { randomUUID } from 'node:crypto';
import type { Json, JsonObject } from '../../../src/json.ts';
import { readPolicyText } from '../../../src/policy/read.ts';
import { SAMPLE_POLICY } from '../../../src/policy/sample.ts';
import type { Policy } from '../../../src/policy/compile.ts';

/** A human of the sample policy. */
export const ALICE: JsonObject = {
  username: 'oidc:alice@example.com',
  groups: ['engineering', 'system:authenticated'],
};

/** Nobody of the sample policy. */
export const ROBOT: JsonObject = {
  username: 'system:serviceaccount:agents:default',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:agents', 'system:authenticated'],
};

/** A pod with one container, and more in its spec. */
export function pod(spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'research', namespace: 'agents', ...metadata },
    spec: { containers: [{ name: 'agent', image: 'registry.example/agent:1.4' }], ...spec },
  };
}

/** What an API server sends when a pod is created; by a human, unless said otherwise. */
export function reviewOf(object: Json = pod(), request: JsonObject = {}): JsonObject & { request: JsonObject } {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: randomUUID(),
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      requestResource: { group: '', version: 'v1', resource: 'pods' },
      name: 'research',
      namespace: 'agents',
      operation: 'CREATE',
      userInfo: ALICE,
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
      ...request,
    },
  };
}

/** A policy from its text; the sample policy by default. */
export function policyOf(text: string = SAMPLE_POLICY): Policy {
  const result = readPolicyText(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.read.policy;
}
