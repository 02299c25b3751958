import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account, OneOrMore, Statement } from './account.ts';
import { assumeSession, baseSession, type Credentials, credentialsOf, stsClient, type Wanted } from './client.ts';
import { BASE_ROLE, exampleAccount, SESSION_ROLE, STRAY_USER } from './example.ts';
import { createIssuer, type Issuer } from './issuer.ts';
import { startSts, type Sts } from './stand-in.ts';

let issuer: Issuer;
let sts: Sts;
let base: Credentials;

async function start(change: (account: Account) => Account = (account) => account): Promise<void> {
  issuer = createIssuer();
  sts = await startSts({ account: change(exampleAccount(issuer.provider)) });
  base = await baseSession(sts, issuer.token());
}

beforeEach(() => start());
afterEach(() => sts.stop());

/** Another account instead, with these statements as the session role's trust policy or the base role's own. */
async function restart(part: 'trust' | 'permissions', statements: readonly Statement[]): Promise<void> {
  await sts.stop();
  const arn = part === 'trust' ? SESSION_ROLE : BASE_ROLE;
  const document = { Version: '2012-10-17' as const, Statement: statements };
  await start((account) => ({
    ...account,
    roles: account.roles.map((role) => (role.arn === arn ? { ...role, [part]: document } : role)),
  }));
}

const assume = (wanted?: Wanted) => stsClient(sts, base).send(assumeSession(wanted));

it('gives a session that carries the human, and records it', async () => {
  const answer = await assume();
  expect(answer.SourceIdentity).toBe('alice@acme.com');
  expect(answer.AssumedRoleUser?.Arn).toBe(
    'arn:aws:sts::111122223333:assumed-role/agents-session/fab-0b6f2c1e-7d1c-4f0e-9a55-3c3f2f1f6f01',
  );
  const whoami = await stsClient(sts, credentialsOf(answer)).send(new GetCallerIdentityCommand({}));
  expect(whoami.Arn).toBe(answer.AssumedRoleUser?.Arn);
  const [, assumed, called] = sts.records.all;
  expect(assumed).toMatchObject({
    eventName: 'AssumeRole',
    userIdentity: { type: 'AssumedRole', sessionContext: { sessionIssuer: { arn: BASE_ROLE } } },
    requestParameters: {
      sourceIdentity: 'alice@acme.com',
      tags: [{ key: 'operator', value: 'alice@acme.com' }, { key: 'session' }],
      transitiveTagKeys: ['operator', 'session'],
    },
    responseElements: { assumedRoleUser: { arn: answer.AssumedRoleUser?.Arn } },
  });
  expect(called?.userIdentity).toMatchObject({ sessionContext: { sourceIdentity: 'alice@acme.com' } });
  expect(JSON.stringify(sts.records.all)).not.toContain(answer.Credentials?.SecretAccessKey);
});

const tags = (count: number, size = 1) =>
  Array.from({ length: count }, (_, number) => ({ Key: `k${number}`, Value: 'v'.repeat(size) }));

describe('what STS refuses before it looks at a policy', () => {
  it.each<[string, Wanted, string]>([
    ['a source identity of one character', { SourceIdentity: 'a' }, 'ValidationError'],
    ['one of 65', { SourceIdentity: 'a'.repeat(65) }, 'ValidationError'],
    ['a colon', { SourceIdentity: 'oidc:alice' }, 'ValidationError'],
    ['a space', { SourceIdentity: 'alice acme' }, 'ValidationError'],
    ['a letter that is none of ASCII', { SourceIdentity: 'zoë@acme.com' }, 'ValidationError'],
    ['the prefix of AWS itself', { SourceIdentity: 'aws:alice' }, 'ValidationError'],
    ['a session name with a slash', { RoleSessionName: 'fab/1' }, 'ValidationError'],
    ['less than 15 minutes', { DurationSeconds: 899 }, 'ValidationError'],
    ['more than an hour, down a chain', { DurationSeconds: 3601 }, 'ValidationError'],
    ['a transitive tag that is not given', { TransitiveTagKeys: ['team'] }, 'ValidationError'],
    ['a tag key of AWS', { Tags: [{ Key: 'aws:x', Value: 'y' }], TransitiveTagKeys: [] }, 'ValidationError'],
    ['one tag twice', { Tags: [...tags(1), { Key: 'K0', Value: 'v' }], TransitiveTagKeys: [] }, 'ValidationError'],
    ['51 tags', { Tags: tags(51), TransitiveTagKeys: [] }, 'ValidationError'],
    ['tags that need too much room', { Tags: tags(50, 200), TransitiveTagKeys: [] }, 'PackedPolicyTooLargeException'],
    ['a role that is not there', { RoleArn: `${SESSION_ROLE}-2` }, 'AccessDenied'],
  ])('%s', async (_, wanted, name) => {
    await expect(assume(wanted)).rejects.toMatchObject({ name });
    expect(sts.records.all.at(-1)).toMatchObject({
      errorCode: name.replace('Exception', ''),
      responseElements: null,
    });
  });
});

it('says why a name that AWS keeps to itself is refused', async () => {
  await expect(assume({ SourceIdentity: 'aws:alice' })).rejects.toThrow('reserved prefix');
});

const HUMAN = { StringLike: { 'sts:SourceIdentity': '*@acme.com' } };
const TAGGED = { Null: { 'aws:RequestTag/operator': 'false' } };

describe('a trust policy', () => {
  const allow = (action: OneOrMore, more: Partial<Statement> = {}): Statement => ({
    Effect: 'Allow',
    Principal: { AWS: BASE_ROLE },
    Action: action,
    ...more,
  });
  const SET_AND_TAG = ['sts:SetSourceIdentity', 'sts:TagSession'];
  /** What is demanded of the call; the rest of what it does is allowed. */
  const demanding = (condition: Statement['Condition'] & object) => [
    allow('sts:AssumeRole', { Condition: condition }),
    allow(SET_AND_TAG),
  ];

  it.each<[string, readonly Statement[], Wanted]>([
    ['that does not say SetSourceIdentity', [allow(['sts:AssumeRole', 'sts:TagSession'])], {}],
    ['that does not say TagSession', [allow(['sts:AssumeRole', 'sts:SetSourceIdentity'])], {}],
    ['that trusts another', [allow('sts:*', { Principal: { AWS: SESSION_ROLE } })], {}],
    ['for another human', demanding({ StringLike: { 'sts:SourceIdentity': 'bob@*' } }), {}],
    [
      'that demands a human where none is named',
      demanding({ StringLike: { 'sts:SourceIdentity': '*' } }),
      { SourceIdentity: undefined },
    ],
    [
      'that demands a tag where there is none',
      demanding({ Null: { 'aws:RequestTag/operator': 'false' } }),
      { Tags: undefined, TransitiveTagKeys: undefined },
    ],
    [
      'whose tag must be the human',
      demanding({ StringEquals: { 'aws:RequestTag/operator': '${sts:SourceIdentity}' } }),
      { Tags: [{ Key: 'operator', Value: 'bob@acme.com' }], TransitiveTagKeys: ['operator'] },
    ],
    [
      'that wants other tags to be transitive',
      demanding({ 'ForAllValues:StringEquals': { 'sts:TransitiveTagKeys': ['operator'] } }),
      {},
    ],
    // The service authorization reference lists neither key for the other action.
    [
      'that wants a tag where the human is set',
      [allow(['sts:AssumeRole', 'sts:TagSession']), allow('sts:SetSourceIdentity', { Condition: TAGGED })],
      {},
    ],
    [
      'that wants the human where tags are set',
      [allow(['sts:AssumeRole', 'sts:SetSourceIdentity']), allow('sts:TagSession', { Condition: HUMAN })],
      {},
    ],
  ])('%s refuses', async (_, statements, wanted) => {
    await restart('trust', statements);
    await expect(assume(wanted)).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('allows what fits its conditions', async () => {
    const conditions = {
      StringLike: { 'sts:SourceIdentity': '*@acme.com' },
      StringEquals: { 'aws:RequestTag/operator': '${sts:SourceIdentity}' },
      'ForAllValues:StringEquals': { 'sts:TransitiveTagKeys': ['operator', 'session'] },
    };
    await restart('trust', [
      allow('sts:AssumeRole', { Condition: conditions }),
      allow('sts:SetSourceIdentity', { Condition: HUMAN }),
      allow('sts:TagSession', { Condition: TAGGED }),
    ]);
    await expect(assume()).resolves.toMatchObject({ SourceIdentity: 'alice@acme.com' });
  });

  it('refuses where one statement denies, whatever others allow', async () => {
    await restart('trust', [allow('sts:*'), allow('sts:TagSession', { Effect: 'Deny' })]);
    await expect(assume()).rejects.toThrow(/not authorized to perform: sts:TagSession on resource: .*agents-session/);
  });

  it('with a condition that would not be evaluated is not started with', async () => {
    const condition = { DateLessThan: { 'aws:CurrentTime': '2020-01-01T00:00:00Z' } };
    const account = exampleAccount(issuer.provider);
    const [role] = account.roles;
    const trust = { Version: '2012-10-17' as const, Statement: [allow('sts:*', { Condition: condition })] };
    const starting = startSts({ account: { ...account, roles: [{ ...role!, trust }] } });
    await expect(starting).rejects.toThrow('DateLessThan');
  });
});

it.each(['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'])(
  'the base role’s own policy has to allow %s too',
  async (missing) => {
    const actions = ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'].filter((each) => each !== missing);
    await restart('permissions', [{ Effect: 'Allow', Action: actions, Resource: SESSION_ROLE }]);
    await expect(assume()).rejects.toThrow(`not authorized to perform: ${missing}`);
  },
);

describe('a session made from a session', () => {
  beforeEach(async () => {
    await sts.stop();
    await start(trustingItself);
  });

  const again = async (wanted: Wanted) => {
    const session = credentialsOf(await assume());
    return stsClient(sts, session).send(assumeSession({ Tags: [], TransitiveTagKeys: [], ...wanted }));
  };

  it('inherits the human and the transitive tags', async () => {
    const answer = await again({ SourceIdentity: undefined });
    expect(answer.SourceIdentity).toBe('alice@acme.com');
    expect(answer.PackedPolicySize).toBeGreaterThan(0);
  });

  it('cannot be another human’s', async () => {
    await expect(again({ SourceIdentity: 'bob@acme.com' })).rejects.toThrow('perform: sts:SetSourceIdentity');
  });

  it('hands on what it inherited', async () => {
    const next = credentialsOf(await again({}));
    const last = assumeSession({ Tags: [{ Key: 'session', Value: 'another' }], TransitiveTagKeys: [] });
    await expect(stsClient(sts, next).send(last)).rejects.toThrow(/conflicts with a transitive tag/);
  });

  it('cannot be tagged as another human’s, in whatever case', async () => {
    const claim = { Tags: [{ Key: 'Operator', Value: 'bob@acme.com' }] };
    await expect(again(claim)).rejects.toThrow(/conflicts with a transitive tag/);
  });
});

/** The session role may be assumed once more, from itself. */
function trustingItself(account: Account): Account {
  const actions = ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'];
  const [first, session] = account.roles;
  const more: Statement = { Effect: 'Allow', Principal: { AWS: SESSION_ROLE }, Action: actions };
  const trust = { Version: '2012-10-17' as const, Statement: [...session!.trust.Statement, more] };
  const own: Statement = { Effect: 'Allow', Action: actions, Resource: SESSION_ROLE };
  const permissions = { Version: '2012-10-17' as const, Statement: [own] };
  return { ...account, roles: [first!, { ...session!, trust, permissions }] };
}

it('who is not trusted gets nothing, however much his own policy allows', async () => {
  const { accessKeyId, secretAccessKey } = STRAY_USER;
  const asking = stsClient(sts, { accessKeyId, secretAccessKey }).send(assumeSession());
  await expect(asking).rejects.toThrow(/user\/left-behind is not authorized to perform: sts:AssumeRole/);
});
