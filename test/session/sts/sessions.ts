import { type Account, providerArn, providerName, type Role } from './account.ts';
import { checkPackedSize } from './fields.ts';
import { type AccessKey, type AccessKeys, arnOf, namesOf, type SessionKey } from './keys.ts';
import { judge, type Question } from './policy.ts';
import { callerContext } from './principal.ts';
import { invalid } from './query.ts';
import { notAuthorized, Refusal } from './refusal.ts';
import type { WebIdentity } from './web-token.ts';

/** Who wants a session of a role. */
export type Caller =
  | { readonly kind: 'key'; readonly key: AccessKey }
  | { readonly kind: 'web'; readonly identity: WebIdentity }
  | { readonly kind: 'service'; readonly service: string };

/** What it is to be, every field within its bounds already. */
export interface Wish {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly seconds: number;
  readonly sourceIdentity: string | undefined;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  readonly transitive: readonly string[];
}

export interface Granted {
  readonly key: SessionKey;
  /** How much of the room for tags is used. */
  readonly packedPercent: number;
}

const ACTION = { key: 'sts:AssumeRole', web: 'sts:AssumeRoleWithWebIdentity', service: 'sts:AssumeRole' } as const;

/** Role chaining: sessions made from sessions last an hour at most (IAM user guide, "Role chaining"). */
const CHAINED_SECONDS = 3600;

/**
 * Opens a session of a role, or says why not.
 *
 * @param now milliseconds since the epoch
 * @throws Refusal `AccessDenied`, `ValidationError` or `PackedPolicyTooLarge`
 */
export function openSession(account: Account, keys: AccessKeys, caller: Caller, wish: Wish, now: number): Granted {
  const from = caller.kind === 'key' && caller.key.kind === 'session' ? caller.key.session : undefined;
  const action = ACTION[caller.kind];
  const role = account.roles.find(({ arn }) => arn === wish.roleArn);
  // STS does not tell a role that is not there from one that may not be assumed.
  if (role === undefined) throw denied(caller, action, wish.roleArn);
  checkSeconds(role, wish.seconds, from !== undefined);
  // Once set it stays, and goes on to every session made from this one.
  const sourceIdentity = from?.sourceIdentity ?? wish.sourceIdentity;
  if (wish.sourceIdentity !== undefined && wish.sourceIdentity !== sourceIdentity) {
    throw denied(caller, 'sts:SetSourceIdentity', role.arn);
  }
  const inherited = Array.from(from?.transitive ?? [], (key): [string, string] => [key, from?.tags.get(key) ?? '']);
  checkOverrides(wish, inherited);
  const tags = new Map([...inherited, ...wish.tags.map(({ key, value }): [string, string] => [key, value])]);
  const packedPercent = checkPackedSize(tags);
  const needed = [
    action,
    ...(sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
    ...(tags.size === 0 ? [] : ['sts:TagSession']),
  ];
  const context = sessionContext(caller, wish, sourceIdentity);
  for (const each of needed) {
    authorize(account, caller, { action: each, resource: role.arn, context: seenBy(each, context) }, role);
  }
  const transitive = new Set([...inherited.map(([key]) => key), ...wish.transitive]);
  const session = { role, name: wish.sessionName, sourceIdentity, tags, transitive };
  return { key: keys.issue(session, wish.seconds, now), packedPercent };
}

function checkSeconds({ maxSessionSeconds = 3600 }: Role, seconds: number, chained: boolean): void {
  if (chained && seconds > CHAINED_SECONDS) {
    const message = 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining';
    throw new Refusal(400, 'ValidationError', message);
  }
  if (seconds > maxSessionSeconds) {
    const message = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.';
    throw new Refusal(400, 'ValidationError', message);
  }
}

/** A transitive tag cannot be set anew further down the chain. */
function checkOverrides({ tags }: Wish, inherited: readonly (readonly [string, string])[]): void {
  const taken = new Set(inherited.map(([key]) => key.toLowerCase()));
  const again = tags.find(({ key }) => taken.has(key.toLowerCase()));
  if (again !== undefined) throw invalid(`the tag ${again.key} conflicts with a transitive tag of the calling session`);
}

/** The role must trust the caller, the caller's own policy allow it, and the organisation not forbid it. */
function authorize(account: Account, caller: Caller, question: Question, role: Role): void {
  const principal = principalOf(account, caller);
  if (judge(role.trust, { ...question, principal }) !== 'allowed') throw denied(caller, question.action, role.arn);
  if (caller.kind !== 'key') return;
  const { key } = caller;
  const own = key.kind === 'user' ? key.user.permissions : key.session.role.permissions;
  const forbidden = account.serviceControl !== undefined && judge(account.serviceControl, question) === 'denied';
  if (forbidden || judge(own, question) !== 'allowed') throw denied(caller, question.action, role.arn);
}

function principalOf(account: Account, caller: Caller): NonNullable<Question['principal']> {
  if (caller.kind === 'key') return { type: 'AWS', names: namesOf(caller.key) };
  if (caller.kind === 'service') return { type: 'Service', names: [caller.service] };
  return { type: 'Federated', names: [providerArn(account, caller.identity.provider)] };
}

function sessionContext(caller: Caller, wish: Wish, sourceIdentity: string | undefined): Question['context'] {
  const context = new Map<string, readonly string[]>([['sts:rolesessionname', [wish.sessionName]]]);
  if (caller.kind === 'key') for (const [key, values] of callerContext(caller.key)) context.set(key, values);
  if (caller.kind === 'web') {
    const name = providerName(caller.identity.provider).toLowerCase();
    context.set(`${name}:sub`, [caller.identity.subject]);
    context.set(`${name}:aud`, [caller.identity.audience]);
  }
  if (sourceIdentity !== undefined) context.set('sts:sourceidentity', [sourceIdentity]);
  for (const { key, value } of wish.tags) context.set(`aws:requesttag/${key}`.toLowerCase(), [value]);
  if (wish.tags.length > 0)
    context.set(
      'aws:tagkeys',
      wish.tags.map(({ key }) => key),
    );
  if (wish.transitive.length > 0) context.set('sts:transitivetagkeys', wish.transitive);
  return context;
}

/** Which keys about the request the reference lists for actions that are part of a call ("Condition keys for STS"). */
const LISTED: Readonly<Record<string, RegExp>> = {
  'sts:SetSourceIdentity': /^sts:sourceidentity$/,
  'sts:TagSession': /^(aws:requesttag\/.*|aws:tagkeys|sts:transitivetagkeys)$/,
};

/**
 * What a condition on an action can see of the call. Whether AWS shows the other keys too, its documents leave open:
 * some of its examples rely on it. A policy that holds up here holds up either way.
 */
function seenBy(action: string, context: Question['context']): Question['context'] {
  const listed = LISTED[action];
  if (listed === undefined) return context;
  const ofTheRequest = /^(sts:|aws:requesttag\/|aws:tagkeys$)/;
  return new Map(Array.from(context).filter(([key]) => !ofTheRequest.test(key) || listed.test(key)));
}

function denied(caller: Caller, action: string, resource: string): Refusal {
  if (caller.kind === 'key') return notAuthorized(arnOf(caller.key), action, resource);
  return new Refusal(403, 'AccessDenied', `Not authorized to perform ${action}`);
}
