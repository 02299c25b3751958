import { AssumeRoleWithWebIdentityCommand } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/json.ts';
import type { Statement } from './account.ts';
import { stsClient } from './client.ts';
import { ACCOUNT_ID, BASE_ROLE, exampleAccount } from './example.ts';
import { createIssuer, type Issuer } from './issuer.ts';
import { startSts, type Sts } from './stand-in.ts';

let issuer: Issuer;
let sts: Sts;

beforeEach(async () => {
  issuer = createIssuer();
  sts = await startSts({ account: exampleAccount(issuer.provider) });
});
afterEach(() => sts.stop());

const assume = (token: string, more: { DurationSeconds?: number; RoleArn?: string } = {}) =>
  stsClient(sts).send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: BASE_ROLE,
      RoleSessionName: 'base',
      WebIdentityToken: token,
      ...more,
    }),
  );

it('takes a token of the provider, and records whose it was', async () => {
  const answer = await assume(issuer.token());
  expect(answer).toMatchObject({
    SubjectFromWebIdentityToken: 'system:serviceaccount:team:agent',
    Audience: 'sts.amazonaws.com',
  });
  expect(answer.SourceIdentity).toBeUndefined();
  expect(sts.records.all).toMatchObject([
    {
      eventName: 'AssumeRoleWithWebIdentity',
      userIdentity: { type: 'WebIdentityUser', userName: 'system:serviceaccount:team:agent' },
    },
  ]);
});

it('follows an issuer that changes its keys', async () => {
  const old = issuer.token();
  issuer.rotate();
  await expect(assume(old)).rejects.toMatchObject({ name: 'InvalidIdentityTokenException' });
  await expect(assume(issuer.token())).resolves.toBeDefined();
});

const now = () => Math.floor(Date.now() / 1000);

describe('refused', () => {
  it.each<[string, () => JsonObject, string]>([
    ['a token that has ended', () => ({ exp: now() - 1 }), 'ExpiredTokenException'],
    ['one that does not end', () => ({ exp: 'never' }), 'InvalidIdentityTokenException'],
    ['one that does not count yet', () => ({ nbf: now() + 60 }), 'InvalidIdentityTokenException'],
    ['for somebody else', () => ({ aud: ['https://kubernetes.default.svc'] }), 'InvalidIdentityTokenException'],
    ['of an unknown issuer', () => ({ iss: 'https://elsewhere.test' }), 'InvalidIdentityTokenException'],
    ['of another service account', () => ({ sub: 'system:serviceaccount:team:other' }), 'AccessDenied'],
    ['that names a human, as the role does not allow it', claims('alice@acme.com'), 'AccessDenied'],
    [
      'with a tag of two values',
      () => ({ [TAGS]: { principal_tags: { a: ['1', '2'] } } }),
      'InvalidIdentityTokenException',
    ],
  ])('%s', async (_, change, name) => {
    await expect(assume(issuer.token(change()))).rejects.toMatchObject({ name });
  });

  it('a token whose claims were changed', async () => {
    const [head, payload = '', signature] = issuer.token().split('.');
    const claims = Buffer.from(payload, 'base64url').toString().replace('team:agent', 'team:other');
    const forged = [head, Buffer.from(claims).toString('base64url'), signature].join('.');
    await expect(assume(forged)).rejects.toMatchObject({ name: 'InvalidIdentityTokenException' });
  });

  it('a token without a signature', async () => {
    const [, payload] = issuer.token().split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
    await expect(assume(none)).rejects.toMatchObject({ name: 'InvalidIdentityTokenException' });
  });

  it('more time than the role gives', async () => {
    await expect(assume(issuer.token(), { DurationSeconds: 21_601 })).rejects.toThrow('MaxSessionDuration');
  });
});

const TAGS = 'https://aws.amazon.com/tags';

function claims(human: string): () => JsonObject {
  return () => ({ 'https://aws.amazon.com/source_identity': human });
}

it('an issuer that is trusted with it names the human and the tags itself', async () => {
  await sts.stop();
  issuer = createIssuer({ algorithm: 'RS256' });
  const arn = `arn:aws:iam::${ACCOUNT_ID}:role/direct`;
  const trust = {
    Effect: 'Allow' as const,
    Principal: { Federated: `arn:aws:iam::${ACCOUNT_ID}:oidc-provider/oidc.test/id/CLUSTER` },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: { StringLike: { 'sts:SourceIdentity': '*@acme.com', 'aws:RequestTag/operator': '*@acme.com' } },
  };
  const permissions = { Effect: 'Allow' as const, Action: 's3:ListAllMyBuckets', Resource: '*' };
  const carry = { ...trust, Action: ['sts:SetSourceIdentity', 'sts:TagSession'], Condition: {} };
  const role = { arn, trust: document(trust, carry), permissions: document(permissions) };
  sts = await startSts({ account: { ...exampleAccount(issuer.provider), roles: [role] } });
  const tags = { principal_tags: { operator: ['alice@acme.com'] }, transitive_tag_keys: ['operator'] };
  const token = issuer.token({ ...claims('alice@acme.com')(), [TAGS]: tags });
  await expect(assume(token, { RoleArn: arn })).resolves.toMatchObject({ SourceIdentity: 'alice@acme.com' });
  expect(sts.records.all.at(-1)?.requestParameters).toMatchObject({
    sourceIdentity: 'alice@acme.com',
    principalTags: { operator: 'alice@acme.com' },
  });
});

function document(...statements: readonly Statement[]) {
  return { Version: '2012-10-17' as const, Statement: statements };
}
