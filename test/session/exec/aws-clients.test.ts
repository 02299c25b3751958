import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { baseSession } from '../sts/client.ts';
import { ACCOUNT_ID, STRAY_USER } from '../sts/example.ts';
import { pythonPackages } from '../support/python.ts';
import { OPERATOR, Place } from './place.ts';

const packages = await pythonPackages('aws-clients.txt');
const { python = '', path: packagePath = '' } = packages.unavailable === undefined ? packages : {};

const CLI = ['sh', '-c', '"$0" -m awscli sts get-caller-identity --query Arn && "$0" -m awscli s3 ls', python] as const;
const BOTO3 = [
  python,
  '-c',
  `import boto3
print(boto3.client("sts").get_caller_identity()["Arn"])
print(boto3.client("s3").list_buckets()["Buckets"][0]["Name"])`,
] as const;

/** Every place where these clients look for keys has some that work and are nobody's. */
async function withTraps(place: Place) {
  const keys = `aws_access_key_id=${STRAY_USER.accessKeyId}\naws_secret_access_key=${STRAY_USER.secretAccessKey}\n`;
  place.write('.aws/credentials', `[default]\n${keys}`);
  place.write('.aws/config', '[default]\nregion = eu-central-1\n');
  const base = await baseSession(place.sts, place.issuer.token({ aud: ['sts.amazonaws.com'] }));
  return {
    ...place.session,
    AWS_ACCESS_KEY_ID: base.accessKeyId,
    AWS_SECRET_ACCESS_KEY: base.secretAccessKey,
    AWS_SESSION_TOKEN: base.sessionToken,
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials',
    AWS_ENDPOINT_URL: place.sts.url,
    AWS_CA_BUNDLE: join(place.home, 'ca.pem'),
    AWS_PAGER: '',
    PYTHONPATH: packagePath,
    PYTHONDONTWRITEBYTECODE: '1',
  };
}

describe.skipIf(packages.unavailable)(`real clients${packages.unavailable ?? ''}`, () => {
  it.each([
    ['the AWS CLI', 'keys in variables', [], CLI],
    ['the AWS CLI', 'an endpoint', ['--renew'], CLI],
    ['boto3', 'keys in variables', [], BOTO3],
    ['boto3', 'an endpoint', ['--renew'], BOTO3],
  ] as const)('%s works in the operator’s name with %s, whatever else lies there', async (_, __, options, command) => {
    await using place = await Place.create();
    const { status, stdout, stderr } = await place.run([...options, '--', ...command], await withTraps(place));
    expect([status, stderr.split('\n').length]).toEqual([0, 2]);
    expect(stdout).toContain(`arn:aws:sts::${ACCOUNT_ID}:assumed-role/agents-session/fab-`);
    expect(stdout).toContain('work');
    const calls = place.sts.records.all.filter(({ eventName }) => /^(List|Get)/.test(eventName));
    expect(calls.map(({ eventName }) => eventName)).toEqual(['GetCallerIdentity', 'ListBuckets']);
    for (const { userIdentity } of calls) {
      expect(userIdentity).toMatchObject({ sessionContext: { sourceIdentity: OPERATOR } });
    }
  });
});
