import { GetObjectCommand, ListBucketsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assumeSession, baseSession, type Credentials, credentialsOf, s3Client, stsClient } from './client.ts';
import { BASE_ROLE, exampleAccount, STRAY_USER } from './example.ts';
import { anotherSourceIdentity, INTERNAL, THROTTLED } from './faults.ts';
import { createIssuer, type Issuer, POD } from './issuer.ts';
import { startSts, type Sts } from './stand-in.ts';

let issuer: Issuer;
let sts: Sts;
let base: Credentials;
let session: Credentials;

beforeEach(async () => {
  issuer = createIssuer({ audiences: ['sts.amazonaws.com', 'pods.eks.amazonaws.com'] });
  const podIdentity = {
    clusterArn: 'arn:aws:eks:eu-central-1:111122223333:cluster/one',
    associations: { 'team/agent': BASE_ROLE },
  };
  sts = await startSts({ account: exampleAccount(issuer.provider), buckets: ['work'], podIdentity });
  base = await baseSession(sts, issuer.token({ aud: 'sts.amazonaws.com' }));
  session = credentialsOf(await stsClient(sts, base).send(assumeSession()));
});
afterEach(() => sts.stop());

describe('S3', () => {
  it('serves a session, and records each call with the human', async () => {
    const s3 = s3Client(sts, session);
    await s3.send(new PutObjectCommand({ Bucket: 'work', Key: 'a b/ü.txt', Body: 'hello' }));
    const got = await s3.send(new GetObjectCommand({ Bucket: 'work', Key: 'a b/ü.txt' }));
    await expect(got.Body?.transformToString()).resolves.toBe('hello');
    await expect(s3.send(new ListBucketsCommand({}))).resolves.toMatchObject({ Buckets: [{ Name: 'work' }] });
    const records = sts.records.all.filter(({ eventSource }) => eventSource === 's3.amazonaws.com');
    expect(records.map(({ eventName }) => eventName)).toEqual(['PutObject', 'GetObject', 'ListBuckets']);
    for (const { userIdentity } of records) {
      expect(userIdentity).toMatchObject({ sessionContext: { sourceIdentity: 'alice@acme.com' } });
    }
  });

  it.each([
    ['a user’s keys', () => STRAY_USER],
    ['the base role', () => base],
  ])('refuses %s, behind which no human stands', async (_, whose) => {
    const { accessKeyId, secretAccessKey, sessionToken } = whose() as Credentials;
    const credentials = { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
    const listing = s3Client(sts, credentials).send(new ListBucketsCommand({}));
    await expect(listing).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it.each<[string, Partial<Credentials>, string]>([
    ['unknown keys', { accessKeyId: 'ASIAUNKNOWN' }, 'InvalidAccessKeyId'],
    ['another secret', { secretAccessKey: 'guessed' }, 'SignatureDoesNotMatch'],
  ])('refuses %s in its own words', async (_, change, name) => {
    const listing = s3Client(sts, { ...session, ...change }).send(new ListBucketsCommand({}));
    await expect(listing).rejects.toMatchObject({ name });
  });
});

describe('Pod Identity', () => {
  const ask = (token?: string) =>
    fetch(sts.podIdentityUrl, token === undefined ? {} : { headers: { authorization: token } });

  it('gives the role of the service account, with six transitive tags that later sessions keep', async () => {
    const answer = await ask(issuer.token({ aud: 'pods.eks.amazonaws.com' }));
    const given = (await answer.json()) as Record<string, string>;
    expect(given).toEqual({
      AccessKeyId: expect.stringMatching(/^ASIA/),
      SecretAccessKey: expect.any(String),
      Token: expect.any(String),
      AccountId: '111122223333',
      Expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
    expect(sts.records.all.at(-1)?.requestParameters).toMatchObject({
      tags: expect.arrayContaining([{ key: 'kubernetes-pod-uid', value: POD.uid }]),
      transitiveTagKeys: expect.arrayContaining(['eks-cluster-arn', 'kubernetes-namespace']),
    });
    const credentials = {
      accessKeyId: given['AccessKeyId'] ?? '',
      secretAccessKey: given['SecretAccessKey'] ?? '',
      sessionToken: given['Token'] ?? '',
    };
    const client = stsClient(sts, credentials);
    await expect(client.send(assumeSession())).resolves.toMatchObject({ SourceIdentity: 'alice@acme.com' });
    const override = assumeSession({
      Tags: [{ Key: 'kubernetes-namespace', Value: 'other' }],
      TransitiveTagKeys: [],
    });
    await expect(client.send(override)).rejects.toThrow('conflicts with a transitive tag');
  });

  it.each<[string, () => string | undefined, number]>([
    ['no token', () => undefined, 400],
    ['a token for STS', () => issuer.token({ aud: 'sts.amazonaws.com' }), 400],
    ['a token that has ended', () => issuer.token({ aud: 'pods.eks.amazonaws.com', exp: 1 }), 400],
    ['an account without a role', () => issuer.token({ aud: 'pods.eks.amazonaws.com', 'kubernetes.io': {} }), 404],
  ])('refuses %s', async (_, token, status) => {
    await expect(ask(token())).resolves.toMatchObject({ status });
  });
});

describe('on command', () => {
  const whoami = () => stsClient(sts, session).send(new GetCallerIdentityCommand({}));

  it('the next calls go wrong, one each, and then no more', async () => {
    sts.faults.next(THROTTLED, INTERNAL, { kind: 'drop' }, { ...THROTTLED, action: 'AssumeRole' });
    await expect(whoami()).rejects.toMatchObject({ name: 'Throttling' });
    await expect(whoami()).rejects.toMatchObject({ name: 'InternalFailure', $fault: 'server' });
    await expect(whoami()).rejects.toThrow(/socket hang up|ECONNRESET/);
    await expect(whoami()).resolves.toBeDefined();
  });

  it('all calls go wrong until told otherwise', async () => {
    sts.faults.always(THROTTLED);
    await expect(whoami()).rejects.toMatchObject({ name: 'Throttling' });
    await expect(whoami()).rejects.toMatchObject({ name: 'Throttling' });
    sts.faults.always(undefined);
    await expect(whoami()).resolves.toBeDefined();
  });

  it('the answer names another human', async () => {
    sts.faults.next(anotherSourceIdentity('mallory@acme.com'));
    const answer = stsClient(sts, base).send(assumeSession());
    await expect(answer).resolves.toMatchObject({ SourceIdentity: 'mallory@acme.com' });
  });

  it('a call hangs, which does not keep the stand-in from stopping', async () => {
    sts.faults.next({ kind: 'hang' });
    const arrived = sts.arrivals.next(({ action }) => action === 'GetCallerIdentity');
    const hanging = Promise.allSettled([whoami()]);
    await arrived;
    await sts.stop();
    await expect(hanging).resolves.toMatchObject([{ status: 'rejected' }]);
    sts = await startSts({ account: exampleAccount(issuer.provider) });
  });
});
