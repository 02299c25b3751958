import { PassingFailure } from '../retry.ts';
import type { Fields } from './xml.ts';

/** Temporary keys, as STS gives them. */
export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** Nothing in an answer is longer; a session token has some 1,500 characters. */
const MAX_LENGTH = 16_384;

/**
 * Takes the keys out of an answer of STS.
 *
 * @throws PassingFailure when one is missing or does not look like one
 */
export function credentialsIn(answer: Fields): TemporaryCredentials {
  return credentialsFrom({
    AccessKeyId: answer.get('Credentials/AccessKeyId'),
    SecretAccessKey: answer.get('Credentials/SecretAccessKey'),
    Token: answer.get('Credentials/SessionToken'),
    Expiration: answer.get('Credentials/Expiration'),
  });
}

/**
 * The same with the names that endpoints use for containers.
 *
 * @throws PassingFailure when one is missing or does not look like one
 */
export function credentialsFrom(answer: Readonly<Record<string, unknown>>): TemporaryCredentials {
  const expiration = new Date(text(answer, 'Expiration'));
  if (Number.isNaN(expiration.getTime())) throw new PassingFailure('the answer holds no expiration that is a time');
  return {
    accessKeyId: text(answer, 'AccessKeyId'),
    secretAccessKey: text(answer, 'SecretAccessKey'),
    sessionToken: text(answer, 'Token'),
    expiration,
  };
}

/** Visible ASCII only: each goes into a header. */
function text(answer: Readonly<Record<string, unknown>>, name: string): string {
  const value = answer[name];
  if (typeof value !== 'string' || value.length > MAX_LENGTH || !/^[\x21-\x7e]+$/.test(value)) {
    throw new PassingFailure(`the answer holds no usable ${name}`);
  }
  return value;
}
