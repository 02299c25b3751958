import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isManagedVariable } from '../../../src/injection/ours.ts';
import { ENV } from '../../../src/names.ts';
import type { Environment } from '../../../src/session/settings.ts';
import { baseSession } from '../sts/client.ts';
import { ACCOUNT_ID, BASE_ROLE, SESSION_ROLE } from '../sts/example.ts';
import { OPERATOR, Place, PRINT_ENVIRONMENT } from './place.ts';

/** An app with the JavaScript SDK, which is asked who it is and whether it may work. */
const APP = [
  process.execPath,
  '--input-type=module',
  '-e',
  `import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
   import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
   const { Arn } = await new STSClient().send(new GetCallerIdentityCommand());
   const s3 = new S3Client({ endpoint: process.env.AWS_ENDPOINT_URL_STS, forcePathStyle: true });
   const { Buckets } = await s3.send(new ListBucketsCommand());
   console.log(Arn, Buckets.map(({ Name }) => Name).join());`,
] as const;

/** Everything that SDKs would use instead. */
function lures(place: Place): Environment {
  return {
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/lure',
    AWS_BEARER_TOKEN_BEDROCK: 'lure',
    AWS_CREDENTIAL_EXPIRATION: '2020-01-01T00:00:00Z',
    AWS_SECURITY_TOKEN: 'lure',
    BOTO_CONFIG: '/lure',
    // A relative place would be another one wherever the command goes.
    XDG_RUNTIME_DIR: '',
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: '',
    KUBECONFIG: join(place.home, 'none'),
  };
}

type Base = readonly [string, (place: Place) => Environment | Promise<Environment>];

const BASES: readonly Base[] = [
  ['a web identity', (place) => place.webIdentity],
  [
    'EKS Pod Identity',
    (place) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: place.sts.podIdentityUrl,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(place.home, 'pod-identity-token'),
    }),
  ],
  [
    'variables',
    async (place) => {
      const { accessKeyId, secretAccessKey, sessionToken } = await keysOf(place);
      return {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: sessionToken,
      };
    },
  ],
  [
    'a profile',
    async (place) => {
      const { accessKeyId, secretAccessKey, sessionToken } = await keysOf(place);
      const keys = `aws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`;
      place.write('.aws/credentials', `[work]\n${keys}aws_session_token=${sessionToken}\n`);
      return { AWS_PROFILE: 'work' };
    },
  ],
  [
    'a process that a profile names',
    async (place) => {
      const { accessKeyId, secretAccessKey, sessionToken } = await keysOf(place);
      const keys = {
        Version: 1,
        AccessKeyId: accessKeyId,
        SecretAccessKey: secretAccessKey,
        SessionToken: sessionToken,
      };
      const file = place.write('keys.json', JSON.stringify(keys));
      place.write('.aws/config', `[default]\ncredential_process = cat ${file}\n`);
      return {};
    },
  ],
];

function keysOf(place: Place) {
  return baseSession(place.sts, place.issuer.token({ aud: ['sts.amazonaws.com'] }));
}

describe.each([
  ['keys in variables', []],
  ['an endpoint', ['--renew']],
] as const)('with %s', (_, options) => {
  it.each(BASES)('an app works in the operator’s name, from %s', async (_, base) => {
    await using place = await Place.create();
    const { AWS_ROLE_ARN: _a, AWS_WEB_IDENTITY_TOKEN_FILE: _f, AWS_ROLE_SESSION_NAME: _n, ...rest } = place.session;
    const session = '7c0f3b52-97a5-4f6c-8d7e-5a1f0d7b2c11';
    const env = { ...rest, FAB_SESSION_ID: session, ...(await base(place)) };
    const { status, stdout, stderr } = await place.run([...options, '--', ...APP], env);
    expect([status, stdout]).toEqual([
      0,
      `arn:aws:sts::${ACCOUNT_ID}:assumed-role/agents-session/fab-${session} work\n`,
    ]);
    expect(JSON.parse(stderr)).toMatchObject({ operator: OPERATOR, role: SESSION_ROLE, session, msg: 'session ready' });
    const calls = place.sts.records.all.filter(({ eventName }) => /^(List|Get)/.test(eventName));
    expect(calls.map(({ eventName }) => eventName)).toEqual(['GetCallerIdentity', 'ListBuckets']);
    for (const { userIdentity } of calls) {
      expect(userIdentity).toMatchObject({ sessionContext: { sourceIdentity: OPERATOR } });
    }
    expect(place.left).toEqual([]);
  });
});

describe('the command’s environment', () => {
  const AWS_KEYS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
  const ENDPOINT = ['AWS_CONTAINER_CREDENTIALS_FULL_URI', 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];
  const OURS: string[] = (Object.values(ENV) as string[]).concat(
    'AWS_CONFIG_FILE',
    'AWS_SHARED_CREDENTIALS_FILE',
    'AWS_EC2_METADATA_DISABLED',
    'BOTO_CONFIG',
  );

  it.each([
    ['', [], AWS_KEYS],
    [', renewed', ['--renew'], ENDPOINT],
  ] as const)('has one mechanism and nothing else of its kind%s', async (_, options, mechanism) => {
    await using place = await Place.create();
    const env = { ...place.session, ...lures(place), EDITOR: 'vi' };
    const { status, stdout } = await place.run([...options, '--', ...PRINT_ENVIRONMENT], env);
    expect(status).toBe(0);
    const got = JSON.parse(stdout) as Record<string, string>;
    const managed = Object.keys(got).filter((name) => isManagedVariable(name));
    expect(managed.toSorted()).toEqual([...OURS, ...mechanism].toSorted());
    expect(Object.keys(got).filter((name) => /^(KUBERNETES_|AWS_CREDENTIAL_EXP)/.test(name))).toEqual([]);
    expect(got).toMatchObject({
      EDITOR: 'vi',
      FAB_OPERATOR: OPERATOR,
      FAB_SESSION_DURATION: options.length > 0 ? '1800' : '3600',
      FAB_SESSION_ID: expect.stringMatching(/^[0-9a-f-]{36}$/),
      AWS_REGION: 'eu-central-1',
      AWS_DEFAULT_REGION: 'eu-central-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      BOTO_CONFIG: '',
    });
    expect(stdout).not.toContain('lure');
    for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE', 'KUBECONFIG']) {
      expect(isAbsolute(got[name] ?? '')).toBe(true);
      expect(existsSync(got[name] ?? '')).toBe(false);
    }
  });

  it('is of files that nobody else can read, gone when the command has ended', async () => {
    await using place = await Place.create();
    const { stdout } = await place.run(
      ['--renew', '--', 'sh', '-c', 'd=$(dirname "$KUBECONFIG"); stat -c "%a %n" "$d" "$d"/*; echo "$d"'],
      place.session,
    );
    const directory = stdout.trim().split('\n').at(-1) ?? '';
    const modes = ['aws-config', 'aws-credentials', 'aws-token', 'kubeconfig'].map(
      (name) => `600 ${directory}/${name}`,
    );
    expect(stdout.trim().split('\n')).toEqual([`700 ${directory}`, ...modes, directory]);
    expect(existsSync(directory)).toBe(false);
  });
});

it('the session is asked for as in pods', async () => {
  await using place = await Place.create();
  const env = { ...place.session, FAB_SESSION_DURATION: '900' };
  const { stdout } = await place.run(['--', 'sh', '-c', 'echo $FAB_SESSION_ID'], env);
  const session = stdout.trim();
  const record = place.sts.records.all.find(({ eventName }) => eventName === 'AssumeRole');
  expect(record?.requestParameters).toMatchObject({
    roleArn: SESSION_ROLE,
    roleSessionName: `fab-${session}`,
    sourceIdentity: OPERATOR,
    durationSeconds: 900,
    transitiveTagKeys: ['operator', 'session'],
  });
  expect(record?.userIdentity).toMatchObject({ sessionContext: { sessionIssuer: { arn: BASE_ROLE } } });
});

it('the endpoint asks for its token', async () => {
  await using place = await Place.create();
  const ask = `const { readFileSync } = require('node:fs');
    const authorization = readFileSync(process.env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, 'utf8');
    const answer = await fetch(process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI, { headers: { authorization } });
    const refused = await fetch(process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI);
    console.log(answer.status, Object.keys(await answer.json()).join(), refused.status);`;
  const { stdout } = await place.run(
    ['--renew', '--', process.execPath, '-e', `(async () => {${ask}})()`],
    place.session,
  );
  expect(stdout).toBe('200 AccessKeyId,SecretAccessKey,Token,Expiration 401\n');
});

it('nothing that is secret is written anywhere but into the environment', async () => {
  await using place = await Place.create();
  const { stderr } = await place.run(['--', 'true'], place.session);
  expect(stderr).not.toMatch(/ASIA|ey[A-Za-z0-9_-]{20}/);
  expect(stderr).not.toContain(readFileSync(join(place.home, 'token'), 'utf8'));
});
