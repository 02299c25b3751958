import { Agent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { BASE_ROLE, REGION, SESSION_ROLE } from './example.ts';
import type { Sts } from './stand-in.ts';

/** Keys as the SDK takes them. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** One try each, so that a test sees each answer. */
export function stsClient(sts: Sts, credentials?: Credentials, more: { systemClockOffset?: number } = {}): STSClient {
  return new STSClient({ ...configuration(sts, credentials), ...more });
}

export function s3Client(sts: Sts, credentials: Credentials): S3Client {
  return new S3Client({ ...configuration(sts, credentials), forcePathStyle: true });
}

function configuration(sts: Sts, credentials: Credentials | undefined) {
  return {
    region: REGION,
    endpoint: sts.url,
    maxAttempts: 1,
    requestHandler: { httpsAgent: new Agent({ ca: sts.ca }) },
    ...(credentials && { credentials }),
  };
}

/** A session of the base role, by a web identity token. */
export async function baseSession(sts: Sts, token: string, seconds = 3600): Promise<Credentials> {
  const command = new AssumeRoleWithWebIdentityCommand({
    RoleArn: BASE_ROLE,
    RoleSessionName: 'base',
    WebIdentityToken: token,
    DurationSeconds: seconds,
  });
  return credentialsOf(await stsClient(sts).send(command));
}

export type Wanted = Partial<ConstructorParameters<typeof AssumeRoleCommand>[0]>;

/** What a session asks for, as Countersign does it; `wanted` replaces members. */
export function assumeSession(wanted: Wanted = {}): AssumeRoleCommand {
  return new AssumeRoleCommand({
    RoleArn: SESSION_ROLE,
    RoleSessionName: 'fab-0b6f2c1e-7d1c-4f0e-9a55-3c3f2f1f6f01',
    SourceIdentity: 'alice@acme.com',
    DurationSeconds: 1800,
    Tags: [
      { Key: 'operator', Value: 'alice@acme.com' },
      { Key: 'session', Value: '0b6f2c1e-7d1c-4f0e-9a55-3c3f2f1f6f01' },
    ],
    TransitiveTagKeys: ['operator', 'session'],
    ...wanted,
  });
}

export function credentialsOf({ Credentials: given }: { Credentials?: Given | undefined }): Credentials {
  return {
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken ?? '',
  };
}

interface Given {
  AccessKeyId: string | undefined;
  SecretAccessKey: string | undefined;
  SessionToken: string | undefined;
}
