import { X509Certificate } from 'node:crypto';
import { REGION, ROLE_ARN } from '../aws.ts';
import { Fault } from '../errors.ts';
import { ENV, SESSION_SETTING } from '../names.ts';
import { flawOf } from '../operator/canonical.ts';

/** What the session in a pod was told, by the webhook in the container's variables. */
export interface SessionSettings {
  readonly operator: string;
  readonly roleArn: string;
  /** Lifetime of the AWS keys, 900 to 3600. */
  readonly durationSeconds: number;
  /** The pod's uid. */
  readonly sessionId: string;
  readonly base: BaseIdentity;
  readonly region: string;
  readonly stsEndpoint: URL;
  /** Whether the session gets the tags `operator` and `session`. */
  readonly sessionTags: boolean;
  /** What to do when instance metadata hands role credentials to the pod. */
  readonly instanceMetadata: 'refuse' | 'accept';
  readonly kubernetes: KubernetesSettings;
}

/** Where the credentials come from with which the session role is assumed. */
export type BaseIdentity =
  | { readonly kind: 'irsa'; readonly roleArn: string }
  | { readonly kind: 'pod-identity'; readonly endpoint: URL };

/** As whom, and how, the session reaches the Kubernetes API. */
export type KubernetesSettings = { readonly identity: 'none' } | KubernetesAccess;

export interface KubernetesAccess {
  /** `session` has a group of its own besides, to which a grant is bound. */
  readonly identity: 'pod' | 'session';
  readonly server: URL;
  /** PEM, one certificate or several. */
  readonly ca: string;
  /** The pod's, which clients take when they name none. */
  readonly namespace: string;
}

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks every setting before anything else happens, so that nothing is half done because of a value that
 * comes last.
 *
 * @throws Fault `SessionSettingInvalid`, naming the variable
 */
export function readSettings(env: Environment): SessionSettings {
  const operator = needed(env, ENV.operator);
  const flaw = flawOf(operator);
  if (flaw !== undefined) throw wrong(ENV.operator, `cannot be a SourceIdentity: ${flaw}`);
  return {
    operator,
    roleArn: matching(env, ENV.roleArn, ROLE_ARN, 'the ARN of an IAM role'),
    durationSeconds: seconds(env, ENV.duration),
    sessionId: matching(env, ENV.sessionId, UUID, 'a uid in lower case'),
    base: baseIdentity(env),
    region: matching(env, SESSION_SETTING.region, REGION, 'an AWS region'),
    stsEndpoint: url(env, SESSION_SETTING.stsEndpoint, 'https:'),
    sessionTags: oneOf(env, SESSION_SETTING.sessionTags, ['true', 'false']) === 'true',
    instanceMetadata: oneOf(env, SESSION_SETTING.instanceMetadata, ['refuse', 'accept']),
    kubernetes: kubernetes(env),
  };
}

/** Kubernetes makes uids as UUIDs (RFC 9562); `fab-` before one is a RoleSessionName of 40 characters. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** RFC 1123 label. */
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function baseIdentity(env: Environment): BaseIdentity {
  const kind = oneOf(env, SESSION_SETTING.identity, ['irsa', 'pod-identity']);
  if (kind === 'irsa') return { kind, roleArn: matching(env, SESSION_SETTING.baseRole, ROLE_ARN, 'a role’s ARN') };
  return { kind, endpoint: url(env, SESSION_SETTING.podIdentityEndpoint, 'http:') };
}

function kubernetes(env: Environment): KubernetesSettings {
  const identity = oneOf(env, SESSION_SETTING.kubernetesIdentity, ['none', 'pod', 'session']);
  if (identity === 'none') return { identity };
  return {
    identity,
    server: url(env, SESSION_SETTING.kubernetesServer, 'https:'),
    ca: certificates(env, SESSION_SETTING.kubernetesCa),
    namespace: matching(env, SESSION_SETTING.namespace, NAMESPACE, 'the name of a namespace'),
  };
}

function seconds(env: Environment, name: string): number {
  const value = Number(matching(env, name, /^[0-9]{3,4}$/, 'a number of seconds'));
  // Role chaining is capped at an hour: asking for more fails (IAM user guide, "role chaining").
  if (value < 900 || value > 3600) throw wrong(name, 'is not between 900 and 3600 seconds');
  return value;
}

function url(env: Environment, name: string, protocol: string): URL {
  const text = needed(env, name);
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed?.protocol !== protocol) throw wrong(name, `is not a URL with ${protocol}//`);
  if (parsed.username !== '' || parsed.password !== '') throw wrong(name, 'holds a password');
  return parsed;
}

function certificates(env: Environment, name: string): string {
  const pem = needed(env, name);
  try {
    for (const each of pem.match(CERTIFICATE) ?? ['']) void new X509Certificate(each).fingerprint256;
  } catch {
    throw wrong(name, 'holds no certificate in PEM');
  }
  return pem;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function matching(env: Environment, name: string, pattern: RegExp, what: string): string {
  const value = needed(env, name);
  if (!pattern.test(value)) throw wrong(name, `is not ${what}`);
  return value;
}

function oneOf<Value extends string>(env: Environment, name: string, values: readonly Value[]): Value {
  const value = needed(env, name);
  const found = values.find((each) => each === value);
  if (found === undefined) throw wrong(name, `is none of ${values.join(', ')}`);
  return found;
}

function needed(env: Environment, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw wrong(name, 'is not set');
  return value;
}

function wrong(name: string, flaw: string): Fault {
  return new Fault(
    'SessionSettingInvalid',
    `${name} ${flaw}. Next: let Countersign's webhook set it, from a policy that "countersign policy lint" accepts`,
  );
}
