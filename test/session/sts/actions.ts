import { type JsonObject } from '../../../src/json.ts';
import { type Account, providerArn } from './account.ts';
import {
  checkDuration,
  checkRoleArn,
  checkRoleSessionName,
  checkSourceIdentity,
  checkTags,
  checkWebIdentityToken,
} from './fields.ts';
import type { Arrived } from './http.ts';
import { type AccessKeys, arnOf, roleId, type SessionKey, sessionArn } from './keys.ts';
import { type Call, type Parameters, invalid } from './query.ts';
import { callerIdentity, keyIdentity, seconds } from './records.ts';
import { Refusal } from './refusal.ts';
import { type Caller, openSession, type Wish } from './sessions.ts';
import { verifySignature } from './signature.ts';
import { verifyWebToken } from './web-token.ts';
import type { Elements } from './xml.ts';

/** What the actions work with. */
export interface Service {
  readonly account: Account;
  readonly keys: AccessKeys;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What became of a call, step by step, so that a refusal can be recorded with what was known by then. */
export interface Trace {
  identity?: JsonObject;
  asked?: JsonObject;
  answered?: JsonObject;
}

/** Carries out one call. @throws Refusal */
export async function perform(service: Service, request: Arrived, call: Call, trace: Trace): Promise<Elements> {
  const action = ACTIONS[call.action];
  if (action === undefined) throw new Refusal(400, 'InvalidAction', `Could not find operation ${call.action}`);
  return action(service, request, call.parameters, trace);
}

type Action = (
  service: Service,
  request: Arrived,
  parameters: Parameters,
  trace: Trace,
) => Elements | Promise<Elements>;

const ACTIONS: Readonly<Record<string, Action>> = {
  AssumeRole: assumeRole,
  AssumeRoleWithWebIdentity: assumeRoleWithWebIdentity,
  GetCallerIdentity: getCallerIdentity,
};

function assumeRole(service: Service, request: Arrived, parameters: Parameters, trace: Trace): Elements {
  const caller: Caller = { kind: 'key', key: signer(service, request) };
  trace.identity = callerIdentity(service.account, caller);
  const sourceIdentity = parameters.take('SourceIdentity');
  const tags = parameters.takeTags('Tags');
  const transitive = parameters.takeList('TransitiveTagKeys');
  const wish = { ...readWish(parameters), sourceIdentity, tags, transitive };
  return open(service, caller, wish, trace);
}

async function assumeRoleWithWebIdentity(
  service: Service,
  _request: Arrived,
  parameters: Parameters,
  trace: Trace,
): Promise<Elements> {
  const token = checkWebIdentityToken(parameters.need('WebIdentityToken'));
  const asked = readWish(parameters);
  const identity = await verifyWebToken(token, service.account, service.clock());
  const caller: Caller = { kind: 'web', identity };
  trace.identity = callerIdentity(service.account, caller);
  // Who it is and how it is tagged, only the issuer says; the caller cannot.
  const { sourceIdentity, tags, transitive } = identity;
  return {
    SubjectFromWebIdentityToken: identity.subject,
    Audience: identity.audience,
    Provider: providerArn(service.account, identity.provider),
    ...open(service, caller, { ...asked, sourceIdentity, tags, transitive }, trace),
  };
}

function getCallerIdentity(service: Service, request: Arrived, parameters: Parameters, trace: Trace): Elements {
  const key = signer(service, request);
  parameters.done();
  trace.identity = keyIdentity(service.account, key);
  const user = key.kind === 'user' ? 'AIDASTANDINUSER' : `${roleId(key.session.role)}:${key.session.name}`;
  return { Arn: arnOf(key), UserId: user, Account: service.account.id };
}

function readWish(parameters: Parameters): Pick<Wish, 'roleArn' | 'sessionName' | 'seconds'> {
  if (parameters.take('Policy') !== undefined || parameters.takeList('PolicyArns').length > 0) {
    throw invalid('session policies are not evaluated by the STS stand-in, and so refused');
  }
  const wish = {
    roleArn: checkRoleArn(parameters.need('RoleArn')),
    sessionName: checkRoleSessionName(parameters.need('RoleSessionName')),
    seconds: checkDuration(parameters.take('DurationSeconds')),
  };
  parameters.done();
  return wish;
}

function open({ account, keys, clock }: Service, caller: Caller, wish: Wish, trace: Trace): Elements {
  trace.asked = describe(wish, caller);
  if (wish.sourceIdentity !== undefined) checkSourceIdentity(wish.sourceIdentity);
  checkTags(wish.tags, wish.transitive);
  const { key, packedPercent } = openSession(account, keys, caller, wish, clock());
  trace.answered = responseElements(key, packedPercent);
  const { sourceIdentity, tags } = key.session;
  return {
    Credentials: {
      AccessKeyId: key.accessKeyId,
      SecretAccessKey: key.secretAccessKey,
      SessionToken: key.sessionToken,
      Expiration: seconds(key.expiresAt),
    },
    AssumedRoleUser: assumedRoleUser(key, 'AssumedRoleId', 'Arn'),
    SourceIdentity: sourceIdentity,
    PackedPolicySize: tags.size === 0 ? undefined : packedPercent,
  };
}

function assumedRoleUser({ session }: SessionKey, idName: string, arnName: string): Record<string, string> {
  return { [idName]: `${roleId(session.role)}:${session.name}`, [arnName]: sessionArn(session) };
}

/** `requestParameters` of the record; tags that an issuer sets have another name there than those of a caller. */
function describe(wish: Wish, caller: Caller): JsonObject {
  const { roleArn, sessionName, seconds: durationSeconds } = wish;
  const principalTags = Object.fromEntries(wish.tags.map(({ key, value }) => [key, value]));
  const tags =
    caller.kind === 'web' ? { principalTags } : { tags: wish.tags.map(({ key, value }) => ({ key, value })) };
  return {
    roleArn,
    roleSessionName: sessionName,
    durationSeconds,
    ...(wish.sourceIdentity !== undefined && { sourceIdentity: wish.sourceIdentity }),
    ...(wish.tags.length > 0 && tags),
    ...(wish.transitive.length > 0 && { transitiveTagKeys: wish.transitive }),
  };
}

/** `responseElements` of the record: no secret in it. */
function responseElements(key: SessionKey, packedPolicySize: number): JsonObject {
  const { sourceIdentity } = key.session;
  return {
    credentials: { accessKeyId: key.accessKeyId, sessionToken: '<sessionToken>', expiration: seconds(key.expiresAt) },
    assumedRoleUser: assumedRoleUser(key, 'assumedRoleId', 'arn'),
    ...(sourceIdentity !== undefined && { sourceIdentity }),
    ...(key.session.tags.size > 0 && { packedPolicySize }),
  };
}

function signer({ account, keys, clock }: Service, request: Arrived) {
  return verifySignature(request, keys, { region: account.region, service: 'sts', now: clock() });
}
