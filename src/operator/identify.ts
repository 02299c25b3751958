import { type Denial, deny } from '../denials.ts';
import { flawOf } from './canonical.ts';
import {
  doubtAboutServiceAccount,
  isMachine,
  isServiceAccount,
  type Requester,
  sessionOf,
  unreadable,
} from './requester.ts';
import { build, type DelegatorRule, matches, type OperatorRule } from './rule.ts';

/** A literal value that the pod itself states, for the operator or for the role. */
export type Claim =
  | { readonly kind: 'none' }
  | { readonly kind: 'value'; readonly value: string; readonly where: string }
  | { readonly kind: 'unclear'; readonly problem: string };

/** Who may stand behind a pod. */
export interface IdentityRules {
  readonly policyName: string;
  readonly operators: readonly OperatorRule[];
  readonly delegators: readonly DelegatorRule[];
  /** Operators who left: they start nothing any more. */
  readonly left: ReadonlySet<string>;
}

export type Identification =
  | { readonly kind: 'direct'; readonly operator: string; readonly rule: string }
  | { readonly kind: 'delegated'; readonly operator: string; readonly rule: string; readonly delegator: string }
  | { readonly kind: 'refused'; readonly denial: Denial };

/**
 * Works out the one human behind a request.
 *
 * The checks stand in the order in which a later one could otherwise be got round: what the requester is (session,
 * unreadable) comes before any rule, so that no rule, however wide, can make a human of it.
 *
 * @param namespace of the pod
 */
export function identify(rules: IdentityRules, requester: Requester, claim: Claim, namespace: string): Identification {
  const session = sessionOf(requester);
  if (session !== undefined) return refused(deny('SessionRequester', { session }));

  const flaw = unreadable(requester.username);
  if (flaw !== undefined) return refused(deny('RequesterUnreadable', { flaw }));

  if (claim.kind === 'unclear') return refused(deny('OperatorClaimUnclear', { problem: claim.problem }));

  const delegator = rules.delegators.find((rule) => matches(rule.match, requester));
  if (isMachine(requester)) {
    const doubt = delegator && doubtAboutServiceAccount(requester, namespace);
    if (doubt !== undefined) return refused(deny('DelegatorDoubtful', { requester: requester.username, doubt }));
    if (delegator !== undefined && claim.kind === 'value') return delegated(rules, delegator, requester, claim.value);
    if (delegator !== undefined) return refused(deny('DelegatorNamedNobody', { requester: requester.username }));
    return refused(deny('NotHuman', { requester: requester.username, serviceAccount: isServiceAccount(requester) }));
  }
  const own = direct(rules, requester, claim);
  // A human who may also name others: a claim that is not their own is one for somebody else.
  const other = own.kind === 'refused' && own.denial.code !== 'OperatorLeft' && claim.kind === 'value';
  return delegator !== undefined && other ? delegated(rules, delegator, requester, claim.value) : own;
}

function direct(rules: IdentityRules, requester: Requester, claim: Claim): Identification {
  const rule = rules.operators.find((candidate) => matches(candidate.match, requester));
  if (rule === undefined) {
    return refused(deny('NoOperatorRule', { requester: requester.username, policy: rules.policyName }));
  }
  const operator = build(rule, requester) ?? '';
  const flaw = flawOf(operator);
  if (flaw !== undefined) {
    return refused(deny('OperatorNotClean', { requester: requester.username, rule: rule.name, operator, flaw }));
  }
  if (rules.left.has(operator)) return refused(deny('OperatorLeft', { operator, policy: rules.policyName }));
  if (claim.kind === 'value' && claim.value !== operator) {
    return refused(deny('OperatorClaimedByOther', { claimed: claim.value, where: claim.where, operator }));
  }
  return { kind: 'direct', operator: copyOf(operator), rule: rule.name };
}

/**
 * The same string, no longer part of the one that it was captured from: `JSON.stringify` takes three times as long over
 * an answer with such a part in it (V8's fast path gives up).
 */
function copyOf(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

function delegated(rules: IdentityRules, rule: DelegatorRule, requester: Requester, operator: string): Identification {
  const flaw = flawOf(operator);
  if (flaw !== undefined) {
    return refused(deny('OperatorNotClean', { requester: requester.username, rule: rule.name, operator, flaw }));
  }
  if (!rule.operators.some((pattern) => pattern.matches(operator))) {
    return refused(deny('DelegationNotAllowed', { requester: requester.username, rule: rule.name, operator }));
  }
  return rules.left.has(operator)
    ? refused(deny('OperatorLeft', { operator, policy: rules.policyName }))
    : { kind: 'delegated', operator, rule: rule.name, delegator: requester.username };
}

function refused(denial: Denial): Identification {
  return { kind: 'refused', denial };
}
