import { describe, expect, it } from 'vitest';
import { awsPolicies } from '../../../src/iam/aws.ts';
import { type AwsOptions, awsFacts } from '../../../src/iam/facts.ts';
import type { PolicySpec } from '../../../src/policy/schema.ts';
import { CLUSTER, PROVIDER, specWith } from './specs.ts';

const IRSA: AwsOptions = { serviceAccount: ['agents/runner'], operators: [], oidcProvider: PROVIDER };
const BASE = 'arn:aws:iam::111122223333:role/base';
const POD_IDENTITY: AwsOptions = { serviceAccount: ['agents/runner'], operators: [], cluster: CLUSTER, baseRole: BASE };

const irsa = specWith();
const podIdentity = specWith({}, { identity: 'pod-identity' });
const policies = (spec: PolicySpec, options: AwsOptions) => awsPolicies(awsFacts(spec, options));

describe('the base role', () => {
  it('is for tokens of these accounts, made for STS, by the cluster’s issuer', () => {
    const { baseRole } = policies(irsa, { ...IRSA, serviceAccount: ['agents/runner', 'ci/*'] });
    const issuer = 'oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE';
    expect(baseRole.arn).toBe(irsa.session.baseRole);
    expect(baseRole.trustPolicy.Statement).toEqual([
      {
        Sid: 'SessionContainers',
        Effect: 'Allow',
        Principal: { Federated: PROVIDER },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: {
          StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com' },
          StringLike: { [`${issuer}:sub`]: ['system:serviceaccount:agents:runner', 'system:serviceaccount:ci:*'] },
        },
      },
    ]);
  });

  it('is for pods of one EKS cluster, and no account counts in another’s namespace', () => {
    const { baseRole } = policies(podIdentity, {
      ...POD_IDENTITY,
      serviceAccount: ['agents/runner', 'ci/*', 'agents/other'],
    });
    const conditions = baseRole.trustPolicy.Statement.map(({ Condition }) => Condition);
    const tags = (namespace: string, names: string[]) => ({
      StringEquals: {
        'aws:RequestTag/eks-cluster-arn': CLUSTER,
        'aws:RequestTag/kubernetes-namespace': namespace,
      },
      StringLike: { 'aws:RequestTag/kubernetes-service-account': names },
    });
    expect(conditions).toEqual([tags('agents', ['runner', 'other']), tags('ci', ['*'])]);
    expect(baseRole.trustPolicy.Statement.map(({ Sid }) => Sid)).toEqual(['SessionContainers', 'SessionContainers2']);
    expect(baseRole.arn).toBe(BASE);
  });
});

describe('a session role', () => {
  const trustOf = (spec: PolicySpec, options: AwsOptions) =>
    policies(spec, options).sessionRoles[0]?.trustPolicy.Statement;

  const allow = { Effect: 'Allow', Principal: { AWS: irsa.session.baseRole } };
  const named = { 'sts:SourceIdentity': ['*@example.com'] };

  it('is assumed in an operator’s name, tagged with the same name, by the base role', () => {
    const tagged = { 'aws:RequestTag/operator': 'false', 'aws:RequestTag/session': 'false' };
    expect(trustOf(irsa, IRSA)).toEqual([
      {
        Sid: 'InTheNameOfAnOperator',
        ...allow,
        Action: 'sts:AssumeRole',
        Condition: {
          StringLike: { ...named, 'sts:RoleSessionName': 'fab-*' },
          StringEquals: { 'aws:RequestTag/operator': '${sts:SourceIdentity}' },
          Null: { 'sts:SourceIdentity': 'false', ...tagged },
        },
      },
      { Sid: 'TheName', ...allow, Action: 'sts:SetSourceIdentity', Condition: { StringLike: named } },
      { Sid: 'TheTags', ...allow, Action: 'sts:TagSession', Condition: { Null: tagged } },
    ]);
  });

  it.each<[string, PolicySpec, AwsOptions, readonly string[]]>([
    ['without tags', irsa, IRSA, ['sts:AssumeRole', 'sts:SetSourceIdentity']],
    // EKS Pod Identity's own are transitive.
    [
      'with the tags of EKS alone',
      podIdentity,
      POD_IDENTITY,
      ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'],
    ],
  ])('%s', (_, spec, options, actions) => {
    const statements = trustOf({ ...spec, session: { ...spec.session, tags: false } }, options) ?? [];
    expect(statements.map(({ Action }) => Action)).toEqual(actions);
    expect(statements.map(({ Condition }) => Condition).slice(0, 2)).toEqual([
      { StringLike: { ...named, 'sts:RoleSessionName': 'fab-*' }, Null: { 'sts:SourceIdentity': 'false' } },
      { StringLike: named },
    ]);
    expect(statements[2]?.Condition).toBeUndefined();
  });
});

describe('what no policy says', () => {
  it.each<[string, PolicySpec, AwsOptions, RegExp]>([
    ['no service account', irsa, { ...IRSA, serviceAccount: [] }, /--service-account is needed/],
    ['no service account’s name', irsa, { ...IRSA, serviceAccount: ['agents:runner'] }, /is no service account/],
    ['every namespace', irsa, { ...IRSA, serviceAccount: ['*/runner'] }, /is no service account/],
    ['no issuer', irsa, { ...IRSA, oidcProvider: undefined }, /--oidc-provider is needed/],
    ['an issuer’s URL', irsa, { ...IRSA, oidcProvider: 'https://oidc.example.com' }, /has not the form/],
    ['a wildcard issuer', irsa, { ...IRSA, oidcProvider: `${PROVIDER}*` }, /has not the form/],
    ['a cluster with irsa', irsa, { ...IRSA, cluster: CLUSTER }, /--cluster does not go with/],
    ['another base role', irsa, { ...IRSA, baseRole: BASE }, /--base-role does not go with/],
    ['no base role', podIdentity, { ...POD_IDENTITY, baseRole: undefined }, /--base-role is needed/],
    ['any cluster', podIdentity, { ...POD_IDENTITY, cluster: undefined }, /--cluster is needed/],
    [
      'an issuer with pod-identity',
      podIdentity,
      { ...POD_IDENTITY, oidcProvider: PROVIDER },
      /--oidc-provider does not/,
    ],
    [
      'a role whose path is a wildcard',
      specWith({}, { identity: 'pod-identity', roles: [{ arn: `${BASE.replace('base', '*')}/agent` }] }),
      POD_IDENTITY,
      /wildcards/,
    ],
  ])('is asked for and checked: %s', (_, spec, options, message) => {
    expect(() => awsFacts(spec, options)).toThrow(message);
    expect(() => awsFacts(spec, options)).toThrow(/Next: /);
  });
});
