import { Fault } from '../errors.ts';
import { SESSION_IDENTITY } from '../names.ts';
import { PassingFailure } from './retry.ts';
import type { SessionSettings } from './settings.ts';
import { stsAway } from './sts/away.ts';
import type { SigningKeys, Sts } from './sts/client.ts';
import { credentialsIn, type TemporaryCredentials } from './sts/credentials.ts';
import { remedyFor, StsRefusal, withFreshToken } from './sts/refusal.ts';
import type { Fields } from './sts/xml.ts';

/** What is asked for, in whose name. */
export type Assumption = Pick<
  SessionSettings,
  'operator' | 'roleArn' | 'durationSeconds' | 'sessionId' | 'sessionTags'
>;

/** Gets the keys that the session role is assumed with; asked anew for each time, and never kept. */
export type BaseKeys = (deadline: AbortSignal) => Promise<SigningKeys>;

/** A unique name for each session, without the `@` at which evidence engines cut. */
export function sessionNameOf(sessionId: string): string {
  return `${SESSION_IDENTITY.namePrefix}${sessionId}`;
}

/**
 * Assumes the session role in the operator's name.
 *
 * @throws Fault `AssumeRoleRefused`, `StsUnreachable`, `SourceIdentityChanged`, and those of the base identity
 */
export async function assumeSession(
  sts: Sts,
  base: BaseKeys,
  assumption: Assumption,
  deadline: AbortSignal,
): Promise<TemporaryCredentials> {
  const ask = async (): Promise<Fields> =>
    sts.call({ action: 'AssumeRole', parameters: parametersOf(assumption), keys: await base(deadline) }, deadline);
  try {
    return checked(await withFreshToken(ask), assumption);
  } catch (thrown) {
    if (thrown instanceof PassingFailure) throw stsAway(thrown);
    if (!(thrown instanceof StsRefusal)) throw thrown;
    throw new Fault(
      'AssumeRoleRefused',
      `AWS STS refuses the role ${assumption.roleArn} in the name of ${assumption.operator}: ${thrown.message}. ` +
        `Next: ${remedyFor(thrown, 'session')}`,
      { cause: thrown },
    );
  }
}

/** STS API reference, AssumeRole. Transitive tags go along when the session assumes a further role. */
function parametersOf(assumption: Assumption): Record<string, string> {
  const { operator, roleArn, durationSeconds, sessionId, sessionTags } = assumption;
  return {
    RoleArn: roleArn,
    RoleSessionName: sessionNameOf(sessionId),
    SourceIdentity: operator,
    DurationSeconds: String(durationSeconds),
    ...(sessionTags && {
      'Tags.member.1.Key': 'operator',
      'Tags.member.1.Value': operator,
      'Tags.member.2.Key': 'session',
      'Tags.member.2.Value': sessionId,
      'TransitiveTagKeys.member.1': 'operator',
      'TransitiveTagKeys.member.2': 'session',
    }),
  };
}

/** Our clock and AWS's may differ by a quarter of an hour before signatures fail. */
const CLOCK_TOLERANCE_SECONDS = 900;

/**
 * The answer must be in the operator's name, byte for byte. A base session that already carries a source identity hands
 * it on, and a stand-in for STS that ignores the parameter, as some do, must not make a session of nobody.
 */
function checked(answer: Fields, { operator, durationSeconds, roleArn }: Assumption): TemporaryCredentials {
  const given = answer.get('SourceIdentity');
  if (given !== operator) {
    throw new Fault(
      'SourceIdentityChanged',
      `AWS STS gave keys for ${roleArn} ${given === undefined ? 'without a source identity' : `in another name`} ` +
        `instead of ${operator}; they were thrown away. ` +
        'Next: see that the base role has no source identity of its own, and that the STS endpoint is AWS',
    );
  }
  const credentials = credentialsIn(answer);
  const seconds = (credentials.expiration.getTime() - Date.now()) / 1000;
  if (seconds <= 0 || seconds > durationSeconds + CLOCK_TOLERANCE_SECONDS) {
    throw new Fault(
      'AssumeRoleRefused',
      `AWS STS gave keys that end in ${Math.round(seconds)} seconds; ${durationSeconds} were asked for. ` +
        "Next: set the node's clock",
    );
  }
  return credentials;
}
