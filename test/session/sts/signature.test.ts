import type { OutgoingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { sign } from 'aws4';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assumeSession, baseSession, type Credentials, credentialsOf, stsClient } from './client.ts';
import { exampleAccount, REGION } from './example.ts';
import { createIssuer } from './issuer.ts';
import { startSts, type Sts } from './stand-in.ts';

let sts: Sts;
let session: Credentials;
/** How far the stand-in's clock runs ahead, in milliseconds. */
let ahead: number;

beforeEach(async () => {
  ahead = 0;
  const issuer = createIssuer();
  sts = await startSts({ account: exampleAccount(issuer.provider), clock: () => Date.now() + ahead });
  const base = await baseSession(sts, issuer.token());
  session = credentialsOf(await stsClient(sts, base).send(assumeSession()));
});
afterEach(() => sts.stop());

const MINUTE = 60_000;
const whoami = (credentials: Credentials, more?: { systemClockOffset: number }) =>
  stsClient(sts, credentials, more).send(new GetCallerIdentityCommand({}));

describe('keys', () => {
  it.each<[string, Partial<Credentials>, string]>([
    ['unknown', { accessKeyId: 'ASIAUNKNOWN' }, 'InvalidClientTokenId'],
    ['with another secret', { secretAccessKey: 'guessed' }, 'SignatureDoesNotMatch'],
    ['with another session’s token', { sessionToken: 'other' }, 'InvalidClientTokenId'],
  ])('%s are refused', async (_, change, name) => {
    await expect(whoami({ ...session, ...change })).rejects.toMatchObject({ name });
  });

  it('without their session token are refused', async () => {
    const { accessKeyId, secretAccessKey } = session;
    await expect(whoami({ accessKeyId, secretAccessKey })).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
  });

  it('end when they were said to', async () => {
    ahead = 30 * MINUTE - 5000;
    await expect(whoami(session, { systemClockOffset: ahead })).resolves.toBeDefined();
    ahead = 30 * MINUTE;
    await expect(whoami(session, { systemClockOffset: ahead })).rejects.toMatchObject({ name: 'ExpiredToken' });
  });
});

describe('a clock', () => {
  it.each([-14, 14])('that is %i minutes off is good enough', async (minutes) => {
    await expect(whoami(session, { systemClockOffset: minutes * MINUTE })).resolves.toBeDefined();
  });

  it.each([
    [-60, /Signature expired/],
    [60, /Signature not yet current/],
  ])('that is %i minutes off is not', async (minutes, message) => {
    await expect(whoami(session, { systemClockOffset: minutes * MINUTE })).rejects.toThrow(message);
  });
});

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

function signed(more: { region?: string; service?: string } = {}): OutgoingHttpHeaders {
  const host = `127.0.0.1:${sts.port}`;
  const parts = { service: 'sts', region: REGION, host, method: 'POST', path: '/', body: BODY, ...more };
  return sign({ ...parts, headers: { 'content-type': FORM } }, session).headers ?? {};
}

/** Sends headers and a body as they are; the signed headers hold the length, so a changed body keeps it. */
function post(headers: OutgoingHttpHeaders, body = BODY): Promise<[status: number | undefined, body: string]> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', ca: sts.ca, headers: { 'content-type': FORM, ...headers } };
    request(sts.url, options, (response) => {
      void text(response).then((answer) => resolve([response.statusCode, answer]), reject);
    })
      .on('error', reject)
      .end(body);
  });
}

describe('a request', () => {
  it('is taken as another library signs it', async () => {
    await expect(post(signed())).resolves.toEqual([200, expect.stringContaining('assumed-role/agents-session/fab-')]);
  });

  it.each<[string, () => [headers: OutgoingHttpHeaders, body?: string], number, string]>([
    ['without a signature', () => [{}], 403, 'MissingAuthenticationToken'],
    ['whose body was changed', () => [signed(), BODY.split('&').toReversed().join('&')], 403, 'SignatureDoesNotMatch'],
    ['for another region', () => [signed({ region: 'us-east-1' })], 403, 'SignatureDoesNotMatch'],
    ['for another service', () => [signed({ service: 's3' })], 403, 'SignatureDoesNotMatch'],
    ['with a header that was put in later', () => [{ ...signed(), 'x-amz-target': 'x' }], 400, 'IncompleteSignature'],
    ['whose host was changed', () => [{ ...signed(), host: 'sts.test' }], 403, 'SignatureDoesNotMatch'],
    ['of another API version', () => [signed(), BODY.replace('2011', '2010')], 400, 'InvalidAction'],
    [
      'with one parameter twice',
      () => [signed(), BODY.replace('Version=2011-06-15', 'Action=AssumeRole1')],
      400,
      'MalformedQueryString',
    ],
  ])('%s is refused', async (_, parts, status, code) => {
    await expect(post(...parts())).resolves.toEqual([status, expect.stringContaining(`<Code>${code}</Code>`)]);
  });
});
