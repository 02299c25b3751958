import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/admission/decide.ts';
import { readMode } from '../../../src/admission/governance.ts';
import { applyMode } from '../../../src/admission/verdict.ts';
import { ROLE } from '../support/policies.ts';
import { podWith } from '../support/pods.ts';
import { ALICE, codeFor, creation, decideNow, decideOn, governed, IMAGE } from '../support/reviews.ts';

const settings = { sessionImage: IMAGE };
const IRSA = {
  identity: 'irsa',
  baseRole: 'arn:aws:iam::111122223333:role/base',
  region: 'eu-central-1',
  roles: [{ arn: ROLE }],
};
const ROBOT = {
  username: 'system:serviceaccount:kube-system:replicaset-controller',
  groups: ['system:serviceaccounts'],
  extra: {},
};
const owned = podWith(
  {},
  { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d', uid: 'u', controller: true }] },
);

describe('what governs the namespace decides first', () => {
  it.each([
    [{ kind: 'ungoverned' } as const, 'NotGoverned'],
    [{ kind: 'unknown', problem: 'gone' } as const, 'ClusterUnavailable'],
    [{ kind: 'missing', mode: 'enforce', policyName: 'p' } as const, 'PolicyMissing'],
    [{ kind: 'broken', mode: 'enforce', policyName: 'p', problem: 'spec.pods: wrong' } as const, 'PolicyInvalid'],
    [governed(), 'attributed'],
    [governed({ session: IRSA }, { podSecurity: '' }), 'PodSecurityMissing'],
    [governed({ session: IRSA }, { podSecurity: 'privileged' }), 'PodSecurityMissing'],
    [governed({ session: IRSA }, { podSecurity: 'baseline' }), 'attributed'],
    [governed({ session: IRSA }, { podSecurity: 'restricted' }), 'attributed'],
    // The agent of EKS Pod Identity is asked in the clear, and baseline leaves containers the right to listen.
    [governed({}, { podSecurity: 'baseline' }), 'PodSecurityMissing'],
    [governed({}, { podSecurity: 'restricted' }), 'attributed'],
    [governed({}, { podSecurity: undefined }), 'attributed'],
    [governed({ podSecurity: 'cluster' }, { podSecurity: '' }), 'attributed'],
  ])('%#: %s', (governance, code) => {
    const outcome = decideNow(creation(podWith()), governance, settings);
    expect(
      outcome.kind === 'refused' ? outcome.denial.code : outcome.kind === 'untouched' ? outcome.code : outcome.kind,
    ).toBe(code);
  });

  it('and another mode than the three is the strictest', () => {
    expect(readMode(undefined)).toEqual({ mode: 'enforce' });
    expect(readMode('warn')).toEqual({ mode: 'warn' });
    expect(readMode('Audit')).toMatchObject({ mode: 'enforce', notice: expect.stringContaining('enforcing') });
  });
});

describe('a pod', () => {
  it('that a controller made is refused, with a code that says so', () => {
    expect(codeFor(owned, {}, ROBOT)).toBe('ControllerNotAttributed');
    expect(codeFor(podWith(), {}, ROBOT)).toBe('NotHuman');
    // Owner references are the author's to write: they make nobody less of a human.
    expect(codeFor(owned)).toBe('attributed');
  });

  it('that the policy does not select is left alone', () => {
    const pods = { labels: { agent: 'true' } };
    expect(codeFor(podWith(), { pods })).toBe('untouched');
    expect(codeFor(podWith({}, { labels: { agent: 'true' } }), { pods })).toBe('attributed');
    expect(codeFor(podWith({ serviceAccountName: 'agent' }), { pods: { serviceAccounts: ['agent'] } })).toBe(
      'attributed',
    );
    expect(codeFor(podWith(), { pods: { serviceAccounts: ['default'] } })).toBe('attributed');
  });

  it("that is a node's mirror pod is left alone, and nobody else's", () => {
    const mirror = podWith({}, { annotations: { 'kubernetes.io/config.mirror': 'x' } });
    expect(codeFor(mirror, {}, { username: 'system:node:n1', groups: ['system:nodes'], extra: {} })).toBe('untouched');
    expect(codeFor(mirror)).toBe('MirrorPodForged');
  });

  it('that is not created, or is not a pod, is left alone', () => {
    const review = creation(podWith());
    for (const other of [
      { ...review, operation: 'UPDATE' },
      { ...review, subResource: 'ephemeralcontainers' },
      { ...review, resource: { group: 'apps', version: 'v1', resource: 'pods' } },
    ]) {
      expect(decide(other, governed(), settings)).toMatchObject({ kind: 'untouched', code: 'NotReviewed' });
    }
  });

  it.each<[object, string]>([
    [{ containers: 'x' }, 'request.object.spec.containers is not a list'],
    [{ containers: [{}] }, 'request.object.spec.containers[0].name is not a string'],
    [{ containers: [], volumes: [[]] }, 'request.object.spec.volumes[0] is not an object'],
    [
      { containers: [{ name: 'a', env: [{ name: 1 }] }] },
      'request.object.spec.containers[0].env[0].name is not a string',
    ],
    [{ containers: [{ name: 'a', volumeMounts: [{ name: 'x' }] }] }, 'volumeMounts[0].mountPath is not a string'],
  ])('that is not shaped like one is no basis for a decision: %j', (spec, message) => {
    expect(() => decideOn(podWith(spec))).toThrow(message);
  });
});

describe('the modes differ in what is done, not in what is found', () => {
  const good = decideOn(podWith());
  const bad = decideOn(podWith(), {}, ROBOT);

  it('enforce', () => {
    expect(applyMode(good, 'enforce')).toMatchObject({ allowed: true, code: 'Attributed' });
    expect(applyMode(good, 'enforce').operations.length).toBeGreaterThan(0);
    expect(applyMode(bad, 'enforce')).toMatchObject({ allowed: false, code: 'NotHuman', operations: [], warnings: [] });
  });

  it('warn injects what it can, and warns of the rest', () => {
    expect(applyMode(good, 'warn').operations.length).toBeGreaterThan(0);
    expect(applyMode(bad, 'warn')).toMatchObject({
      allowed: true,
      operations: [],
      warnings: [expect.stringContaining('[NotHuman]')],
    });
    expect(applyMode(bad, 'warn').warnings.join()).toContain('Next: ');
  });

  it('audit changes and says nothing, and records what enforce would do', () => {
    for (const outcome of [good, bad]) {
      expect(applyMode(outcome, 'audit')).toMatchObject({ allowed: true, operations: [], warnings: [] });
    }
    expect(applyMode(bad, 'audit').auditAnnotations).toEqual({ code: 'NotHuman', mode: 'audit', policy: 'test' });
    expect(applyMode(good, 'audit').auditAnnotations).toMatchObject({
      code: 'Attributed',
      operator: 'alice',
      rule: 'people',
    });
  });
});

it('a denial names code, cause and next step, and shows foreign strings harmlessly', () => {
  const outcome = decideOn(podWith(), {}, { ...ALICE, username: 'eve\u0020\u001b[31m' });
  expect(outcome).toMatchObject({
    denial: { message: expect.stringMatching(/^\[RequesterUnreadable\] .+\. Next: .+\.$/) },
  });
  const named = decideOn(podWith(), {}, { ...ALICE, username: `oidc:"${'x'.repeat(500)}` });
  expect(named).toMatchObject({ denial: { message: expect.stringMatching(/^[\x20-\x7e…]{1,600}$/) } });
});
