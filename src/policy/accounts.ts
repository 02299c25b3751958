import type { Pattern } from '../operator/pattern.ts';
import type { DelegatorRule } from '../operator/rule.ts';
import { Language } from './language.ts';
import type { ReadPolicy } from './read.ts';

/** An identity, other than a human's, that a policy trusts: whoever can act as it has what the policy gives it. */
export interface Account {
  /** Where the policy names it, as in {@link Problem.path}. */
  readonly path: string;
  /** What it is there: `carrier "jobset"`. */
  readonly role: string;
  /** What whoever acts as it can do. */
  readonly power: string;
  /** Its username; one of several where a pattern stands for them. */
  readonly username: string;
  /** The namespace where it lives; undefined when it is no service account. */
  readonly home: string | undefined;
  /** Whether a service account of that name, in that namespace, is it. */
  readonly isNamed: (name: string) => boolean;
}

/** What whoever acts as one can do, as it stands after "can". */
export const POWER = {
  carrier: "pass pods off as those of other people's workloads",
  adjuster: "change other people's workloads",
  delegator: 'name the operator',
} as const;

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):(.+)$/;

/** The accounts of carriers, adjusters and delegators. @param namespaces those of the cluster, for patterns */
export function accountsOf({ spec, policy }: ReadPolicy, namespaces: readonly string[]): readonly Account[] {
  const exact = [
    ...spec.carriers.map((rule, index) => ({ ...rule, as: 'carrier' as const, path: `spec.carriers[${index}]` })),
    ...spec.adjusters.map((rule, index) => ({ ...rule, as: 'adjuster' as const, path: `spec.adjusters[${index}]` })),
  ];
  // One controller is often several carriers, and is looked at once.
  const byUsername = Map.groupBy(exact, ({ username }) => username);
  return [
    ...[...byUsername].map(([username, rules]) => {
      const role = rules.map(({ as, name }) => `${as} "${name}"`).join(', ');
      const power = [...new Set(rules.map(({ as }) => POWER[as]))].join(', and ');
      return { path: rules[0]?.path ?? '', role, power, ...identityOf(username) };
    }),
    ...policy.identity.delegators.flatMap((rule, index) =>
      delegatorAccounts(rule, `spec.delegators[${index}]`, namespaces),
    ),
  ];
}

/** Who goes by exactly this username. */
export function identityOf(username: string): Pick<Account, 'username' | 'home' | 'isNamed'> {
  const [, home, own] = SERVICE_ACCOUNT.exec(username) ?? [];
  return { username, home, isNamed: (name) => name === own };
}

/** The service accounts that a rule takes for its delegator: one for each namespace that it lets them live in. */
function delegatorAccounts(rule: DelegatorRule, path: string, namespaces: readonly string[]): readonly Account[] {
  const { username, groups, extra } = rule.match;
  if (![...extra.keys()].every((key) => key.startsWith(ACCOUNT_EXTRA))) return [];
  const language = Language.of(username?.source ?? '.*');
  const some = language?.and(accountsIn('[a-z0-9-]+'))?.example();
  if (language === undefined || some === undefined) return [];
  // Also where nothing of that name is yet: whoever makes the namespace is the delegator.
  const named = SERVICE_ACCOUNT.exec(some)?.[1] ?? '';
  const only = language.and(accountsIn('[a-z0-9-]+'))?.isSingle() === true;
  return [...new Set(only ? [named] : namespaces)].flatMap((home) => {
    const here = language.and(accountsIn(home));
    const example = here?.example();
    if (example === undefined || !groups.every((pattern) => hasGroup(home, pattern))) return [];
    const several = here?.isSingle() === true ? '' : ', for example';
    return [
      {
        path,
        role: `delegator "${rule.name}"${several}`,
        power: POWER.delegator,
        username: example,
        home,
        isNamed: (name: string) => username?.matches(`system:serviceaccount:${home}:${name}`) ?? true,
      },
    ];
  });
}

/** Begins every extra key that the API server gives to whoever shows the token of a service account. */
const ACCOUNT_EXTRA = 'authentication.kubernetes.io/';

function accountsIn(namespace: string): Language {
  return Language.of(`system:serviceaccount:${namespace}:[a-z0-9][a-z0-9.-]*`) as Language;
}

/** The groups that the API server puts every service account into. */
function hasGroup(namespace: string, pattern: Pattern): boolean {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'].some((group) =>
    pattern.matches(group),
  );
}
