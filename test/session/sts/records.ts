import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../../src/json.ts';
import { type Account, providerArn } from './account.ts';
import { type Arrived, header } from './http.ts';
import { type AccessKey, arnOf, roleId, roleName } from './keys.ts';
import type { Refusal } from './refusal.ts';
import type { Caller } from './sessions.ts';

/** One record as CloudTrail writes it (CloudTrail user guide, "record contents"). */
export interface CloudTrailRecord {
  readonly eventVersion: '1.11';
  readonly userIdentity: JsonObject;
  /** RFC 3339, whole seconds. */
  readonly eventTime: string;
  readonly eventSource: string;
  readonly eventName: string;
  readonly awsRegion: string;
  readonly sourceIPAddress: string;
  readonly userAgent: string;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly requestParameters: JsonObject | null;
  readonly responseElements: JsonObject | null;
  readonly requestID: string;
  readonly eventID: string;
  readonly readOnly: boolean;
  readonly eventType: 'AwsApiCall';
  readonly managementEvent: boolean;
  readonly recipientAccountId: string;
}

/** What happened, before it has the form of a record. */
export interface Happening {
  readonly event: string;
  readonly source: 'sts' | 's3';
  readonly identity: JsonObject;
  readonly asked: JsonObject | null;
  readonly outcome: { readonly answer: JsonObject | null } | { readonly refusal: Refusal };
  readonly requestId: string;
}

export function recordOf(account: Account, request: Arrived, happening: Happening, now: number): CloudTrailRecord {
  const { event, source, identity, asked, outcome, requestId } = happening;
  const refused = 'refusal' in outcome ? outcome.refusal : undefined;
  return {
    eventVersion: '1.11',
    userIdentity: identity,
    eventTime: seconds(now),
    eventSource: `${source}.amazonaws.com`,
    eventName: event,
    awsRegion: account.region,
    sourceIPAddress: request.from,
    userAgent: header(request, 'user-agent') ?? '',
    ...(refused && { errorCode: refused.code, errorMessage: refused.message }),
    requestParameters: asked,
    responseElements: 'answer' in outcome ? outcome.answer : null,
    requestID: requestId,
    eventID: randomUUID(),
    readOnly: event !== 'PutObject',
    eventType: 'AwsApiCall',
    managementEvent: source === 'sts',
    recipientAccountId: account.id,
  };
}

/** `userIdentity` of a call made with keys: the source identity stands in every record of the session. */
export function keyIdentity(account: Account, key: AccessKey): JsonObject {
  const common = { arn: arnOf(key), accountId: account.id, accessKeyId: key.accessKeyId };
  if (key.kind === 'user') {
    return { type: 'IAMUser', principalId: 'AIDASTANDINUSER', ...common, userName: common.arn.split('/').at(-1) };
  }
  const { role, name, sourceIdentity } = key.session;
  return {
    type: 'AssumedRole',
    principalId: `${roleId(role)}:${name}`,
    ...common,
    sessionContext: {
      sessionIssuer: {
        type: 'Role',
        principalId: roleId(role),
        arn: role.arn,
        accountId: account.id,
        userName: roleName(role),
      },
      attributes: { creationDate: seconds(key.issuedAt), mfaAuthenticated: 'false' },
      ...(sourceIdentity !== undefined && { sourceIdentity }),
    },
  };
}

/** `userIdentity` of whoever asks for a session. */
export function callerIdentity(account: Account, caller: Caller): JsonObject {
  if (caller.kind === 'key') return keyIdentity(account, caller.key);
  if (caller.kind === 'service') return { type: 'AWSService', invokedBy: caller.service };
  const { provider, subject, audience } = caller.identity;
  const arn = providerArn(account, provider);
  return {
    type: 'WebIdentityUser',
    principalId: `${arn}:${audience}:${subject}`,
    userName: subject,
    identityProvider: arn,
  };
}

/** RFC 3339 without fractions, as AWS writes times. */
export function seconds(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
