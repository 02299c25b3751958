import jsonPatch from 'fast-json-patch';
import { decide } from '../../../src/admission/decide.ts';
import type { Outcome } from '../../../src/admission/outcome.ts';
import type { Governance } from '../../../src/admission/governance.ts';
import type { Review } from '../../../src/admission/review.ts';
import type { Circumstances } from '../../../src/admission/scene.ts';
import type { JsonObject, Operation } from '../../../src/json.ts';
import type { Requester } from '../../../src/operator/requester.ts';
import { PEOPLE, policy } from './policies.ts';

export const ALICE: Requester = { username: 'oidc:alice', groups: ['system:authenticated'], extra: {} };
export const BOB: Requester = { ...ALICE, username: 'oidc:bob' };

export const IMAGE = 'countersign@sha256:0000000000000000000000000000000000000000000000000000000000000000';

export const API_SERVER = { server: 'https://10.96.0.1', ca: '-----BEGIN CERTIFICATE-----' } as const;

/** Countersign as it runs in a cluster. */
const SURROUNDINGS: Circumstances = { sessionImage: IMAGE, apiServer: API_SERVER };

export function creation(pod: JsonObject, requester: Requester = ALICE): Review {
  return {
    uid: '1',
    operation: 'CREATE',
    resource: { group: '', version: 'v1', resource: 'pods' },
    subResource: '',
    namespace: 'agents',
    name: 'agent',
    requester,
    object: pod,
    dryRun: false,
  };
}

export function governed(spec: object = {}, more: object = {}): Governance {
  return {
    kind: 'governed',
    mode: 'enforce',
    policy: policy({ ...PEOPLE, ...spec }),
    podSecurity: 'restricted',
    ...more,
  };
}

export function decideOn(
  pod: JsonObject,
  spec: object = {},
  requester: Requester = ALICE,
  circumstances: Circumstances = SURROUNDINGS,
): Outcome {
  return decideNow(creation(pod, requester), governed(spec), circumstances);
}

/** The decision on what needs nothing to be read; fails where it does. */
export function decideNow(...asked: Parameters<typeof decide>): Outcome {
  const outcome = decide(...asked);
  if (outcome instanceof Promise) throw new Error('it was not decided at once');
  return outcome;
}

/** The code of the outcome's denial, or its kind. */
export function codeFor(...asked: Parameters<typeof decideOn>): string {
  const outcome = decideOn(...asked);
  return outcome.kind === 'refused' ? outcome.denial.code : outcome.kind;
}

/** The pod as attributed; fails the test when it is refused. */
export function attributed(pod: JsonObject, spec: object = {}, requester: Requester = ALICE): JsonObject {
  return patchedBy(pod, operationsFor(pod, spec, requester));
}

export function operationsFor(pod: JsonObject, spec: object = {}, requester: Requester = ALICE): readonly Operation[] {
  const outcome = decideOn(pod, spec, requester);
  if (outcome.kind !== 'attributed') throw new Error(JSON.stringify(outcome));
  return outcome.operations;
}

/** fast-json-patch as the judge of whether the operations are valid; the pod itself is left as it was. */
export function patchedBy(pod: JsonObject, operations: readonly Operation[]): JsonObject {
  return jsonPatch.applyPatch(structuredClone(pod), structuredClone(operations) as never, true, true).newDocument;
}
