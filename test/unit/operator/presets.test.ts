import { describe, expect, it } from 'vitest';
import { identify } from '../../../src/operator/identify.ts';
import type { Requester } from '../../../src/operator/requester.ts';
import { policy, policyObject, problems } from '../support/policies.ts';

interface Case {
  readonly preset: string;
  readonly with: object;
  readonly user: string;
  readonly extra?: Record<string, string[]>;
  readonly expected: string;
}

const ROLE_ARN = 'arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Agents_0123456789abcdef';
const GUID = '7d1a3a2e-0f53-4c7f-9a53-1c3f6f2b9d10';

/** userInfo as the clusters deliver it (facts on each: docs/policy.md). */
const CASES: Record<string, Case> = {
  'EKS: an IAM user': {
    preset: 'eks-iam-user',
    with: { account: '111122223333' },
    user: 'arn:aws:iam::111122223333:user/alice',
    extra: { arn: ['arn:aws:iam::111122223333:user/alice'], accessKeyId: ['AKIAXXXXXXXXXXXXXXXX'] },
    expected: 'alice',
  },
  'EKS: an IAM user under a path': {
    preset: 'eks-iam-user',
    with: { account: '111122223333' },
    user: 'arn:aws:iam::111122223333:user/teams/platform/alice',
    expected: 'alice',
  },
  'EKS: a user of another account has the same name and is somebody else': {
    preset: 'eks-iam-user',
    with: { account: '111122223333' },
    user: 'arn:aws:iam::444455556666:user/alice',
    expected: 'NoOperatorRule',
  },
  'EKS: an assumed role, whose username has lost the @': {
    preset: 'eks-assumed-role',
    with: { account: '111122223333', role: 'AWSReservedSSO_Agents_0123456789abcdef' },
    user: `${ROLE_ARN}/alice-acme.com`,
    extra: {
      arn: [`${ROLE_ARN}/alice@acme.com`],
      sessionName: ['alice@acme.com'],
      canonicalArn: ['x'],
      principalId: ['y'],
    },
    expected: 'alice@acme.com',
  },
  'EKS: another role, whose sessions anybody may name': {
    preset: 'eks-assumed-role',
    with: { account: '111122223333', role: 'AWSReservedSSO_Agents_0123456789abcdef' },
    user: 'arn:aws:sts::111122223333:assumed-role/ci/alice-acme.com',
    extra: { arn: ['arn:aws:sts::111122223333:assumed-role/ci/alice@acme.com'], sessionName: ['alice@acme.com'] },
    expected: 'NoOperatorRule',
  },
  'EKS: an access entry with a custom name': {
    preset: 'eks-access-entry',
    with: { account: '111122223333', prefix: 'eks:' },
    user: 'eks:alice',
    extra: { arn: ['arn:aws:iam::111122223333:user/a.liddell'] },
    expected: 'alice',
  },
  "EKS: an access entry of a role, whose template makes one name of two sessions'": {
    preset: 'eks-access-entry',
    with: { account: '111122223333', prefix: 'eks:' },
    user: 'eks:alice-acme.com',
    extra: { arn: [`${ROLE_ARN}/alice@acme.com`], sessionName: ['alice@acme.com'] },
    expected: 'NoOperatorRule',
  },
  'EKS: the same name from elsewhere': {
    preset: 'eks-access-entry',
    with: { account: '111122223333', prefix: 'eks:' },
    user: 'eks:alice',
    expected: 'NoOperatorRule',
  },
  'GKE: a person': {
    preset: 'gke',
    with: { domains: ['acme.com'] },
    user: 'alice@acme.com',
    expected: 'alice@acme.com',
  },
  "GKE: a service account's mail address": {
    preset: 'gke',
    with: { domains: ['acme.com'] },
    user: 'bot@project.iam.gserviceaccount.com',
    expected: 'NoOperatorRule',
  },
  'GKE: a domain that only begins alike': {
    preset: 'gke',
    with: { domains: ['acme.com'] },
    user: 'alice@acme.com.evil.example',
    expected: 'NoOperatorRule',
  },
  'AKS: a member': {
    preset: 'aks',
    with: { domains: ['acme.com'] },
    user: 'alice@acme.com',
    extra: { oid: [GUID] },
    expected: 'alice@acme.com',
  },
  'AKS: a guest by object id, where the admin wants guests': {
    preset: 'aks',
    with: { domains: ['acme.com'], guests: true },
    user: GUID,
    extra: { oid: [GUID] },
    expected: GUID,
  },
  'AKS: a guest where the admin does not': {
    preset: 'aks',
    with: { domains: ['acme.com'] },
    user: GUID,
    extra: { oid: [GUID] },
    expected: 'NoOperatorRule',
  },
  'OIDC: with a prefix and a domain': {
    preset: 'oidc',
    with: { prefix: 'oidc:', domains: ['acme.com'] },
    user: 'oidc:alice@acme.com',
    expected: 'alice@acme.com',
  },
  "OIDC: the default prefix, the issuer's URL": {
    preset: 'oidc',
    with: { prefix: 'https://idp.example/realm#' },
    user: 'https://idp.example/realm#alice',
    expected: 'alice',
  },
  'OIDC: a prefix is literal': {
    preset: 'oidc',
    with: { prefix: 'a.c:' },
    user: 'abc:alice',
    expected: 'NoOperatorRule',
  },
  'a client certificate': { preset: 'certificate', with: {}, user: 'alice@acme.com', expected: 'alice@acme.com' },
  'a client certificate of a component': {
    preset: 'certificate',
    with: {},
    user: 'system:kube-scheduler',
    expected: 'NotHuman',
  },
};

describe('presets turn real userInfo into operators', () => {
  it.each(Object.entries(CASES))('%s', (_title, { preset, with: parameters, user, extra, expected }) => {
    const { identity } = policy({ operators: [{ name: 'preset', preset, with: parameters }] });
    const requester: Requester = { username: user, groups: ['system:authenticated'], extra: extra ?? {} };
    const result = identify(identity, requester, { kind: 'none' }, 'agents');
    expect(result.kind === 'refused' ? result.denial.code : result.operator).toBe(expected);
  });

  it('a group may be asked for besides', () => {
    const { identity } = policy({ operators: [{ name: 'certs', preset: 'certificate', groups: ['humans'] }] });
    const requester = { username: 'alice', groups: ['humans'], extra: {} };
    expect(identify(identity, requester, { kind: 'none' }, 'agents')).toMatchObject({ operator: 'alice' });
    expect(identify(identity, { ...requester, groups: [] }, { kind: 'none' }, 'agents')).toMatchObject({
      kind: 'refused',
    });
  });

  it('a parameter that is missing or foreign is named', () => {
    const found = problems(policyObject({ operators: [{ name: 'x', preset: 'gke', with: { prefix: 'a' } }] }));
    expect(found.join('\n')).toContain('spec.operators[0].with.domains');
    expect(found.join('\n')).toContain('prefix');
  });
});
