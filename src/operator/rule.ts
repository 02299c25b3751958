import type { Pattern } from './pattern.ts';
import { type Requester, unreadable } from './requester.ts';

/** Conditions on a requester; all that are there must hold. */
export interface Match {
  readonly username?: Pattern | undefined;
  /** Each must match one of the requester's groups. */
  readonly groups: readonly Pattern[];
  /** Each key must be there with exactly one value, and that must match. */
  readonly extra: ReadonlyMap<string, Pattern>;
}

/** Where an operator's name comes from once a rule matched. */
export type OperatorSource =
  | { readonly kind: 'capture'; readonly group: number }
  | { readonly kind: 'extra'; readonly key: string };

/** One admin rule that turns a requester into an operator. */
export interface OperatorRule {
  readonly name: string;
  readonly match: Match;
  readonly operator: OperatorSource;
}

/** One admin rule that lets a non-human identity name operators. */
export interface DelegatorRule {
  readonly name: string;
  readonly match: Match;
  /** Which operators it may name. */
  readonly operators: readonly Pattern[];
}

/** Whether all conditions hold. The username must have been found readable before. */
export function matches(match: Match, requester: Requester): boolean {
  if (match.username !== undefined && !match.username.matches(requester.username)) return false;
  for (const pattern of match.groups) {
    if (!requester.groups.some((group) => pattern.matches(group))) return false;
  }
  for (const [key, pattern] of match.extra) {
    const value = singleExtra(requester, key);
    if (value === undefined || unreadable(value) !== undefined || !pattern.matches(value)) return false;
  }
  return true;
}

/** The string that a matched rule builds, or undefined when the requester does not carry it. */
export function build(rule: OperatorRule, requester: Requester): string | undefined {
  if (rule.operator.kind === 'extra') return singleExtra(requester, rule.operator.key);
  return rule.match.username?.match(requester.username)?.[rule.operator.group];
}

/** Several values under one key say nothing certain about who it is, so they count as none. */
function singleExtra(requester: Requester, key: string): string | undefined {
  const values = Object.hasOwn(requester.extra, key) ? requester.extra[key] : undefined;
  return values?.length === 1 ? values[0] : undefined;
}
