import { randomUUID } from 'node:crypto';
import { publicStsEndpoint, REGION, ROLE_ARN } from '../../aws.ts';
import { Fault } from '../../errors.ts';
import { ENV, SESSION_SETTING } from '../../names.ts';
import { flawOf } from '../../operator/canonical.ts';
import type { Assumption } from '../assume.ts';
import { type Environment, UUID } from '../settings.ts';
import type { StsPlace } from '../sts/client.ts';

/** What a session outside of pods was told, by whoever starts the agent. */
export interface ExecSettings extends Assumption, StsPlace {}

/** Keys that nothing renews last as long as role chaining allows; others as in pods. */
const DEFAULT_SECONDS = { renewed: 1800, once: 3600 } as const;

/**
 * Reads and checks the variables of `session exec` before anything else happens. What is not set, and can be, is made
 * up; what is set and wrong is never replaced.
 *
 * @throws Fault `SessionSettingInvalid`, naming the variable
 */
export function readExecSettings(env: Environment, renew: boolean): ExecSettings {
  const operator = env[ENV.operator] ?? '';
  const flaw = flawOf(operator);
  if (flaw !== undefined) throw wrong(ENV.operator, `cannot be an operator: ${flaw}`, OPERATOR);
  const region = regionOf(env);
  return {
    operator,
    roleArn: formed(env, ENV.roleArn, ROLE_ARN, 'the ARN of the session role'),
    durationSeconds: secondsOf(env, renew ? DEFAULT_SECONDS.renewed : DEFAULT_SECONDS.once),
    sessionId:
      env[ENV.sessionId] === undefined ? randomUUID() : formed(env, ENV.sessionId, UUID, 'a UUID in lower case'),
    sessionTags: tagsOf(env),
    region,
    endpoint: endpointOf(env, region),
  };
}

const OPERATOR = 'set it to the name of the human, such as alice@example.com, or leave it unset for nobody';

/** The names that every AWS SDK and the CLI read. */
function regionOf(env: Environment): string {
  const name = env['AWS_REGION'] === undefined ? 'AWS_DEFAULT_REGION' : 'AWS_REGION';
  if (env[name] === undefined) throw wrong('AWS_REGION', 'is not set', 'set it to the region of the STS endpoint');
  return formed(env, name, REGION, 'an AWS region, such as eu-central-1');
}

/** AWS SDKs reference, "Service-specific endpoints"; otherwise the public one of the region. */
function endpointOf(env: Environment, region: string): URL {
  const name = env[STS_ENDPOINT] === undefined ? 'AWS_ENDPOINT_URL' : STS_ENDPOINT;
  const text = env[name] ?? publicStsEndpoint(region);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.username === '' && url.password === '') return url;
  throw wrong(name, 'is not a URL with https:// and without a password', 'set it to the endpoint of AWS STS');
}

const STS_ENDPOINT = 'AWS_ENDPOINT_URL_STS';

function secondsOf(env: Environment, otherwise: number): number {
  const text = env[ENV.duration] ?? String(otherwise);
  const seconds = /^[0-9]{3,4}$/.test(text) ? Number(text) : 0;
  if (seconds >= 900 && seconds <= 3600) return seconds;
  throw wrong(ENV.duration, 'is not a number of seconds from 900 to 3600', 'set it to one, or leave it unset');
}

function tagsOf(env: Environment): boolean {
  const text = env[SESSION_SETTING.sessionTags] ?? 'true';
  if (text === 'true' || text === 'false') return text === 'true';
  throw wrong(SESSION_SETTING.sessionTags, 'is neither true nor false', 'set it to one of them, or leave it unset');
}

function formed(env: Environment, name: string, form: RegExp, what: string): string {
  const value = env[name];
  if (value === undefined) throw wrong(name, 'is not set', `set it to ${what}`);
  if (form.test(value)) return value;
  throw wrong(name, `is not ${what}`, 'set it to one');
}

function wrong(name: string, flaw: string, next: string): Fault {
  return new Fault('SessionSettingInvalid', `${name} ${flaw}. Next: ${next}`);
}
