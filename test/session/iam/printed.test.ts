import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { AssumeRoleWithWebIdentityCommand } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AwsPolicies, awsPolicies } from '../../../src/iam/aws.ts';
import { awsFacts } from '../../../src/iam/facts.ts';
import { readPolicy } from '../../../src/policy/read.ts';
import type { Account, PolicyDocument, Role } from '../sts/account.ts';
import { assumeSession, type Credentials, credentialsOf, s3Client, stsClient, type Wanted } from '../sts/client.ts';
import { createIssuer, type Issuer } from '../sts/issuer.ts';
import { startSts, type Sts } from '../sts/stand-in.ts';

/** The policies that `countersign iam aws` prints, as an account's: they let sessions through, and only those. */

const ACCOUNT = '111122223333';
const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const CLUSTER = 'arn:aws:eks:eu-central-1:111122223333:cluster/one';

function printed(issuer: Issuer, identity: 'irsa' | 'pod-identity'): AwsPolicies {
  const result = readPolicy({
    apiVersion: 'countersign.dev/v1alpha1',
    kind: 'AttributionPolicy',
    metadata: { name: 'agents' },
    spec: {
      operators: [{ name: 'people', preset: 'oidc', with: { prefix: '', domains: ['acme.com'] } }],
      session: {
        identity,
        ...(identity === 'irsa' && { baseRole: role('base') }),
        region: 'eu-central-1',
        roles: [{ arn: role('agent') }, { arn: role('finance'), operators: ['carol@acme\\.com'] }],
      },
    },
  });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const provider = `arn:aws:iam::${ACCOUNT}:oidc-provider/${issuer.provider.issuer.replace('https://', '')}`;
  const own = identity === 'irsa' ? { oidcProvider: provider } : { cluster: CLUSTER, baseRole: role('base') };
  return awsPolicies(awsFacts(result.read.spec, { serviceAccount: ['team/agent'], operators: [], ...own }));
}

/** An account with them, where each session role may also do what an admin attached, and more than an agent needs. */
function account(issuer: Issuer, { baseRole, sessionRoles, serviceControlPolicy }: AwsPolicies): Account {
  const attached: PolicyDocument['Statement'][number] = { Effect: 'Allow', Action: ['s3:*', 'sts:*'], Resource: '*' };
  const roleWith = ({ arn, trustPolicy, permissionsPolicy }: AwsPolicies['baseRole']): Role => ({
    arn,
    trust: trustPolicy,
    permissions: { ...permissionsPolicy, Statement: [...permissionsPolicy.Statement, attached] },
    maxSessionSeconds: 21_600,
  });
  const anybody: PolicyDocument['Statement'][number] = {
    Effect: 'Allow',
    Principal: '*',
    Action: ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'],
  };
  const other = { arn: role('other'), trust: whole(anybody), permissions: whole(attached) };
  const roles = [roleWith(baseRole), ...sessionRoles.map(roleWith), other];
  const provider = issuer.provider;
  return {
    id: ACCOUNT,
    region: 'eu-central-1',
    roles,
    providers: [provider],
    serviceControl: serviceControlPolicy,
  };
}

function whole(...statements: PolicyDocument['Statement']): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

let issuer: Issuer;
let sts: Sts;

describe.each(['irsa', 'pod-identity'] as const)('with %s', (identity) => {
  beforeEach(async () => {
    issuer = createIssuer({ audiences: ['sts.amazonaws.com', 'pods.eks.amazonaws.com', 'kubernetes'] });
    const associations = { 'team/agent': role('base'), 'team/other': role('base') };
    const podIdentity = { clusterArn: CLUSTER, associations };
    sts = await startSts({ account: account(issuer, printed(issuer, identity)), buckets: ['work'], podIdentity });
  });
  afterEach(() => sts.stop());

  const pod = (name: string) => ({
    sub: `system:serviceaccount:team:${name}`,
    'kubernetes.io': { namespace: 'team', pod: { name: 'p', uid: 'u' }, serviceaccount: { name, uid: 'v' } },
  });

  async function base(name = 'agent', audience?: string): Promise<Credentials> {
    if (identity === 'pod-identity') {
      const token = issuer.token({ ...pod(name), aud: [audience ?? 'pods.eks.amazonaws.com'] });
      const answer = await fetch(sts.podIdentityUrl, { headers: { authorization: token } });
      if (!answer.ok) throw new Error(await answer.text());
      const keys = (await answer.json()) as Record<'AccessKeyId' | 'SecretAccessKey' | 'Token', string>;
      return { accessKeyId: keys.AccessKeyId, secretAccessKey: keys.SecretAccessKey, sessionToken: keys.Token };
    }
    const token = issuer.token({ ...pod(name), aud: [audience ?? 'sts.amazonaws.com'] });
    const asked = { RoleArn: role('base'), RoleSessionName: 'fab-x', WebIdentityToken: token };
    return credentialsOf(await stsClient(sts).send(new AssumeRoleWithWebIdentityCommand(asked)));
  }

  const assume = async (wanted: Wanted, keys?: Credentials) =>
    credentialsOf(
      await stsClient(sts, keys ?? (await base())).send(assumeSession({ RoleArn: role('agent'), ...wanted })),
    );

  it('a session opens in an operator’s name, and may do what its role may', async () => {
    const s3 = s3Client(sts, await assume({}));
    await expect(s3.send(new ListBucketsCommand({}))).resolves.toMatchObject({ Buckets: [{ Name: 'work' }] });
  });

  const tags = (operator: string) => [
    { Key: 'operator', Value: operator },
    { Key: 'session', Value: 'x' },
  ];

  it.each<[string, Wanted]>([
    ['nobody’s name', { SourceIdentity: undefined }],
    ['a name of another domain', { SourceIdentity: 'eve@evil.com', Tags: tags('eve@evil.com') }],
    ['a name that only ends alike', { SourceIdentity: 'eve@notacme.com', Tags: tags('eve@notacme.com') }],
    ['a tag that tells another', { Tags: tags('bob@acme.com') }],
    ['no tags', { Tags: undefined, TransitiveTagKeys: undefined }],
    ['no tag for the session', { Tags: tags('alice@acme.com').slice(0, 1), TransitiveTagKeys: undefined }],
    ['another session name', { RoleSessionName: 'alice' }],
    ['a role that is not theirs', { RoleArn: role('finance') }],
    ['a role that trusts everybody', { RoleArn: role('other') }],
  ])('no session opens with %s', async (_, wanted) => {
    await expect(assume(wanted)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('a role for one person opens for that person', async () => {
    const carol = { SourceIdentity: 'carol@acme.com', Tags: tags('carol@acme.com') };
    await expect(assume({ RoleArn: role('finance'), ...carol })).resolves.toBeDefined();
  });

  it('a session assumes no further role, however much it may', async () => {
    const session = await assume({});
    for (const name of ['other', 'agent']) {
      const again = { RoleArn: role(name), Tags: undefined, TransitiveTagKeys: undefined };
      await expect(assume(again, session)).rejects.toMatchObject({ name: 'AccessDenied' });
    }
  });

  it('the base role itself is good for nothing else, whatever is attached to it', async () => {
    const listing = s3Client(sts, await base()).send(new ListBucketsCommand({}));
    await expect(listing).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it.each([
    ['another service account', 'other', undefined],
    ['a token for something else', 'agent', 'kubernetes'],
  ])('the base role is not had with %s', async (_, name, audience) => {
    await expect(base(name, audience)).rejects.toThrow(/[Nn]ot authorized|[Aa]udience/);
  });
});

/** A session role that somebody also lets be assumed without a name, as by an old statement that was left in place. */
describe('a session without a name', () => {
  it.each([
    ['may work where nothing forbids it', false, false, /^work$/],
    ['is refused by the session role', true, false, /AccessDenied/],
    ['is refused by the service control policy', false, true, /AccessDenied/],
  ])('%s', async (_, byRole, byOrganisation, expected) => {
    issuer = createIssuer();
    const policies = printed(issuer, 'irsa');
    const { serviceControl, roles, ...rest } = account(issuer, policies);
    const left = { Effect: 'Allow', Principal: { AWS: role('base') }, Action: 'sts:AssumeRole' } as const;
    const opened = roles.map(({ trust, permissions, ...each }) => ({
      ...each,
      trust: each.arn === role('agent') ? whole(...trust.Statement, left) : trust,
      permissions: byRole || each.arn === role('base') ? permissions : whole(...permissions.Statement.slice(-1)),
    }));
    sts = await startSts({
      account: { ...rest, roles: opened, ...(byOrganisation && { serviceControl }) },
      buckets: ['work'],
    });
    try {
      const token = issuer.token({ aud: ['sts.amazonaws.com'] });
      const asked = { RoleArn: role('base'), RoleSessionName: 'fab-x', WebIdentityToken: token };
      const base = credentialsOf(await stsClient(sts).send(new AssumeRoleWithWebIdentityCommand(asked)));
      const nameless = assumeSession({
        RoleArn: role('agent'),
        SourceIdentity: undefined,
        Tags: undefined,
        TransitiveTagKeys: undefined,
      });
      const session = credentialsOf(await stsClient(sts, base).send(nameless));
      const listed = await s3Client(sts, session)
        .send(new ListBucketsCommand({}))
        .then(
          ({ Buckets = [] }) => Buckets.map(({ Name }) => Name).join(),
          ({ name }: Error) => name,
        );
      expect(listed).toMatch(expected);
    } finally {
      await sts.stop();
    }
  });
});
