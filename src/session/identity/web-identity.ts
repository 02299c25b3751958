import { Fault } from '../../errors.ts';
import { PassingFailure } from '../retry.ts';
import type { Sts } from '../sts/client.ts';
import { credentialsIn, type TemporaryCredentials } from '../sts/credentials.ts';
import { remedyFor, StsRefusal, withFreshToken } from '../sts/refusal.ts';
import { stsAway } from '../sts/away.ts';
import { readToken } from './token-file.ts';

export interface WebIdentity {
  readonly sts: Sts;
  readonly tokenFile: string;
  readonly roleArn: string;
  readonly sessionName: string;
}

/** The base keys sign one call and are forgotten, so they get the shortest life that STS gives. */
const SECONDS = 900;

/**
 * Exchanges the pod's service account token for keys of the base role.
 *
 * @throws Fault `BaseIdentityFailed` when there is no token or STS refuses it, `StsUnreachable`
 */
export async function webIdentity(identity: WebIdentity, deadline: AbortSignal): Promise<TemporaryCredentials> {
  try {
    return await withFreshToken(() => ask(identity, deadline));
  } catch (thrown) {
    if (thrown instanceof PassingFailure) throw stsAway(thrown);
    if (!(thrown instanceof StsRefusal)) throw thrown;
    throw new Fault(
      'BaseIdentityFailed',
      `AWS STS does not give this pod the base role ${identity.roleArn}: ${thrown.message}. Next: ${remedyFor(thrown, 'base')}`,
      { cause: thrown },
    );
  }
}

async function ask(identity: WebIdentity, deadline: AbortSignal): Promise<TemporaryCredentials> {
  const parameters = {
    RoleArn: identity.roleArn,
    RoleSessionName: identity.sessionName,
    DurationSeconds: String(SECONDS),
    WebIdentityToken: await readToken(identity.tokenFile),
  };
  return credentialsIn(await identity.sts.call({ action: 'AssumeRoleWithWebIdentity', parameters }, deadline));
}
