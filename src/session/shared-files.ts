import { basename } from 'node:path';
import { PATH } from '../names.ts';
import type { TemporaryCredentials } from './sts/credentials.ts';

/** The files of a session, by path within the shared directory; what they hold. */
export type SharedFiles = Readonly<Record<string, string>>;

const NOTE = '# Written by Countersign. What stands in ~/.aws is not used in this session.\n';

/** For `delivery: sidecar`: the token of the endpoint, and configuration that hides keys of the image. */
export function endpointFiles(token: string): SharedFiles {
  return {
    // No newline: every SDK sends the file as it is.
    [basename(PATH.awsToken)]: token,
    [basename(PATH.awsConfig)]: `${NOTE}[default]\n`,
    [basename(PATH.awsCredentials)]: NOTE,
  };
}

/** For `delivery: files`: the keys themselves, as every SDK's default profile. */
export function keyFiles({ accessKeyId, secretAccessKey, sessionToken }: TemporaryCredentials): SharedFiles {
  const keys = [
    '[default]',
    `aws_access_key_id = ${accessKeyId}`,
    `aws_secret_access_key = ${secretAccessKey}`,
    `aws_session_token = ${sessionToken}`,
  ];
  return {
    [basename(PATH.awsConfig)]: `${NOTE}[default]\n`,
    [basename(PATH.awsCredentials)]: `${NOTE}${keys.join('\n')}\n`,
  };
}
