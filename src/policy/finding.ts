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
  | 'LeftNeverMatches';

export interface Finding {
  readonly code: LintCode;
  /** As in {@link Problem.path}; empty for what is said of the cluster. */
  readonly path: string;
  readonly message: string;
}

export function finding(code: LintCode, path: string, message: string): Finding {
  return { code, path, message };
}

/** One line: `[Code] path: message`. */
export function formatFinding({ code, path, message }: Finding): string {
  return `[${code}] ${path === '' ? '' : `${path}: `}${message}`;
}
