import type { Account } from './account.ts';
import type { Context } from './conditions.ts';
import { type AccessKey, accountOf, arnOf } from './keys.ts';
import { judge } from './policy.ts';
import { notAuthorized } from './refusal.ts';

/** What every request says about whoever signed it. */
export function callerContext(key: AccessKey): Context {
  const arn = key.kind === 'user' ? key.user.arn : key.session.role.arn;
  const context = new Map<string, readonly string[]>([
    ['aws:principalarn', [arn]],
    ['aws:principalaccount', [accountOf(arn)]],
    // Nobody calls on somebody's behalf here.
    ['aws:viaawsservice', ['false']],
  ]);
  if (key.kind === 'user') context.set('aws:username', [arn.slice(arn.lastIndexOf('/') + 1)]);
  if (key.kind === 'session') {
    const { sourceIdentity, tags } = key.session;
    if (sourceIdentity !== undefined) context.set('aws:sourceidentity', [sourceIdentity]);
    for (const [name, value] of tags) context.set(`aws:principaltag/${name}`.toLowerCase(), [value]);
  }
  return context;
}

/**
 * Whether these keys may do something outside STS.
 *
 * @throws Refusal `AccessDenied`
 */
export function authorizeCall(account: Account, key: AccessKey, action: string, resource: string): void {
  const question = { action, resource, context: callerContext(key) };
  const own = key.kind === 'user' ? key.user.permissions : key.session.role.permissions;
  const forbidden = account.serviceControl !== undefined && judge(account.serviceControl, question) === 'denied';
  if (forbidden || judge(own, question) !== 'allowed') throw notAuthorized(arnOf(key), action, resource);
}
