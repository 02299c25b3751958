import type { Operation } from '../json.ts';
import type { Mode } from './governance.ts';
import type { Outcome } from './outcome.ts';

/** What the API server is told. */
export interface Verdict {
  readonly allowed: boolean;
  /** `Attributed`, what was done with a stamp, the code of a denial, or why nothing was done. */
  readonly code: string;
  readonly message: string | undefined;
  readonly operations: readonly Operation[];
  readonly warnings: readonly string[];
  /** Keys of the audit annotations, without the webhook's name, which the API server puts before them. */
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/**
 * The modes differ only here: the same outcome is enforced, warned of or recorded.
 *
 * @param notice something about the namespace that its admin should put right
 */
export function applyMode(outcome: Outcome, mode: Mode, notice?: string): Verdict {
  const code = codeOf(outcome);
  const notices = notice === undefined || mode === 'audit' ? [] : [notice];
  const verdict = {
    allowed: true,
    code,
    message: undefined,
    operations: [],
    warnings: notices,
    auditAnnotations: annotations(outcome, mode),
  };
  switch (outcome.kind) {
    case 'untouched':
      return verdict;
    case 'attributed':
      return mode === 'audit'
        ? verdict
        : { ...verdict, operations: outcome.operations, warnings: [...notices, ...outcome.warnings] };
    case 'stamped':
      return mode === 'audit' ? verdict : { ...verdict, operations: outcome.operations };
    case 'glass':
      // In every mode: who breaks glass is to know that it is on record.
      return { ...verdict, warnings: [...notices, glassWarning(outcome.operator)] };
    case 'refused': {
      const { message } = outcome.denial;
      if (mode === 'enforce') return { ...verdict, allowed: false, message };
      if (mode === 'audit') return { ...verdict, message };
      // What passes must not bring a statement along that would count once the namespace is in `enforce`.
      const operations = outcome.operations ?? [];
      return { ...verdict, message, operations, warnings: [...notices, warningOf(message)] };
    }
  }
}

/** The code of an outcome, the same in every mode. */
export function codeOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'untouched':
      return outcome.code;
    case 'attributed':
      return 'Attributed';
    case 'stamped':
      return outcome.code;
    case 'glass':
      return 'BreakGlass';
    case 'refused':
      return outcome.denial.code;
  }
}

function annotations(outcome: Outcome, mode: Mode): Record<string, string> {
  if (outcome.kind === 'untouched' && outcome.policyName === undefined) return {};
  const said: Record<string, string> = { code: codeOf(outcome), mode };
  const add = (key: string, value: string | undefined): void => {
    if (value !== undefined) said[key] = value;
  };
  add('policy', outcome.policyName);
  if (outcome.kind !== 'untouched') {
    add('operator', outcome.operator);
    if (outcome.kind !== 'glass') add('rule', outcome.rule);
  }
  if (outcome.kind === 'attributed') {
    add('role', outcome.roleArn);
    add('delegator', outcome.delegator);
    add('parent', outcome.parent);
  }
  if (outcome.kind === 'stamped') add('delegator', outcome.delegator);
  return said;
}

function glassWarning(operator: string): string {
  return `[BreakGlass] you enter the session of ${operator} by the verb break-glass; this is on record`;
}

function warningOf(message: string): string {
  return `not attributed, would be refused in enforce mode: ${message}`;
}
