import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { Fault, reasonOf } from '../../errors.ts';
import type { BaseKeys } from '../assume.ts';
import { excerpt } from '../log.ts';

/**
 * The keys that the environment has for its own use: variables, profile, SSO, process, web identity, container, in the
 * order of the AWS SDK, which keeps them and gets new ones before they end. It is the only part that uses the SDK.
 */
export function baseKeysOf(region: string): BaseKeys {
  const provider = fromNodeProviderChain({ clientConfig: { region } });
  return async (deadline) => {
    try {
      const { accessKeyId, secretAccessKey, sessionToken } = await before(deadline, provider());
      return { accessKeyId, secretAccessKey, sessionToken };
    } catch (thrown) {
      throw new Fault(
        'BaseIdentityFailed',
        `no AWS credentials were found with which the session role could be assumed: ${excerpt(reasonOf(thrown))}. ` +
          'Next: run "aws sts get-caller-identity" in the same environment until it answers, for instance after ' +
          '"aws sso login"',
        { cause: thrown },
      );
    }
  };
}

/** The SDK takes no signal. What it still does then ends with the process. */
async function before<Result>(deadline: AbortSignal, result: Promise<Result>): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(new Error('no answer in time'));
  deadline.addEventListener('abort', late, { once: true });
  if (deadline.aborted) late();
  try {
    return await Promise.race([result, promise]);
  } finally {
    deadline.removeEventListener('abort', late);
  }
}
