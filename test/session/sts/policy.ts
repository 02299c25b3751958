import { listOf, type PolicyDocument, type Statement } from './account.ts';
import { checkOperators, type Context, holds, like } from './conditions.ts';

/** What is asked of a policy. */
export interface Question {
  readonly action: string;
  readonly resource: string;
  readonly context: Context;
  /** For policies that name principals: of which type the caller is, and all names that mean it. */
  readonly principal?: { readonly type: 'AWS' | 'Federated' | 'Service'; readonly names: readonly string[] };
}

export type Verdict = 'allowed' | 'denied' | 'unmentioned';

/** Evaluates one policy as IAM does: a denial that applies wins, and what nothing allows is not allowed. */
export function judge(policy: PolicyDocument, question: Question): Verdict {
  const applying = policy.Statement.filter((statement) => applies(statement, question));
  if (applying.some(({ Effect }) => Effect === 'Deny')) return 'denied';
  return applying.length > 0 ? 'allowed' : 'unmentioned';
}

function applies(statement: Statement, { action, resource, context, principal }: Question): boolean {
  return (
    (principal === undefined || names(statement, principal)) &&
    namesAction(statement, action) &&
    namesResource(statement, resource) &&
    holds(statement.Condition, context)
  );
}

function names({ Principal }: Statement, principal: NonNullable<Question['principal']>): boolean {
  if (Principal === undefined) return false;
  if (Principal === '*') return true;
  return listOf(Principal[principal.type]).some((each) => each === '*' || principal.names.includes(each));
}

function namesAction({ Action, NotAction }: Statement, action: string): boolean {
  const among = (patterns: readonly string[]) =>
    patterns.some((each) => like(action.toLowerCase(), each.toLowerCase()));
  return NotAction === undefined ? among(listOf(Action)) : !among(listOf(NotAction));
}

function namesResource({ Resource, NotResource }: Statement, resource: string): boolean {
  const among = (patterns: readonly string[]) => patterns.some((each) => like(resource, each));
  // A trust policy has neither: it is about the role that it belongs to.
  if (NotResource !== undefined) return !among(listOf(NotResource));
  return Resource === undefined || among(listOf(Resource));
}

const MEMBERS = new Set('Sid Effect Principal Action NotAction Resource NotResource Condition'.split(' '));

/**
 * Throws when a policy is not of the kind that it is used as, or says something that would not be evaluated.
 *
 * @param kind a trust policy names principals and no resource; the others the other way round
 */
export function checkPolicy(what: string, { Version, Statement }: PolicyDocument, kind: 'trust' | 'permissions'): void {
  const fail = (flaw: string) => {
    throw new Error(`MalformedPolicyDocument: ${what} ${flaw}`);
  };
  if (Version !== '2012-10-17') fail('has no policy version 2012-10-17');
  for (const statement of Statement) {
    const unknown = Object.keys(statement).filter((member) => !MEMBERS.has(member));
    if (unknown.length > 0) fail(`has ${unknown.join(', ')} in a statement`);
    if (statement.Effect !== 'Allow' && statement.Effect !== 'Deny') fail('has a statement without an effect');
    if ((statement.Action === undefined) === (statement.NotAction === undefined))
      fail('has a statement without action');
    const trust = kind === 'trust';
    if ((statement.Principal !== undefined) !== trust) fail(trust ? 'names no principal' : 'names a principal');
    const about = [statement.Resource, statement.NotResource].filter((each) => each !== undefined).length;
    if (about !== (trust ? 0 : 1)) fail(trust ? 'names a resource' : 'does not name its resources once');
    checkOperators(statement.Condition);
  }
}
