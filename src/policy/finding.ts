/** What lint says, by a stable code that `docs/policy.md` explains. */
export type LintCode =
  | 'PodsEscapable'
  | 'NobodyIsOperator'
  | 'RuleUnreachable'
  | 'RulesOverlap'
  | 'NamesCollide'
  | 'DelegatorWildcard'
  | 'DelegatorIsController'
  | 'NotServiceAccount'
  | 'CarrierRepeated'
  | 'CarrierLeadsNowhere'
  | 'AdjusterRepeated'
  | 'AdjusterDecidesWhatRuns'
  | 'AdjusterFieldUnknown'
  | 'WorkloadWithoutCarrier'
  | 'WorkloadFieldIgnored'
  | 'RoleUnused'
  | 'LeftNeverMatches'
  | 'AccountInGovernedNamespace'
  | 'AccountReachable'
  | 'NamespaceMissing'
  | 'VerbHeld'
  | 'ClusterAdmins';

export interface Finding {
  readonly code: LintCode;
  /** As in {@link Problem.path}; empty for what is said of the cluster. */
  readonly path: string;
  readonly message: string;
}

export type Severity = 'error' | 'warning' | 'notice';

/** What is not merely to be regretted: a hole that every author of pods can use, and what an admin just wants to know. */
const SEVERITIES: Readonly<Partial<Record<LintCode, Severity>>> = {
  AccountInGovernedNamespace: 'error',
  VerbHeld: 'notice',
  ClusterAdmins: 'notice',
};

export function severityOf({ code }: Finding): Severity {
  return SEVERITIES[code] ?? 'warning';
}

export function finding(code: LintCode, path: string, message: string): Finding {
  return { code, path, message };
}

/** One line: `[Code] path: message`. */
export function formatFinding({ code, path, message }: Finding): string {
  return `[${code}] ${path === '' ? '' : `${path}: `}${message}`;
}
