import { quote } from '../denials.ts';
import { BUILT_IN_CARRIERS, WORKLOAD_KINDS, type WorkloadKind } from '../lineage/kinds.ts';
import { API, OBJECT, VERB } from '../names.ts';
import { type Account, accountsOf, identityOf, POWER } from './accounts.ts';
import { type Finding, finding } from './finding.ts';
import { compare, type Grant, grantsOf, type Holder, holdersOf, type Rbac, titleOfSubject } from './rbac.ts';
import type { ReadPolicy } from './read.ts';
import { adminsIn, isControlPlane, isItself } from './trusted.ts';
import { waysTo } from './ways.ts';

/** What lint looks at in a cluster. */
export interface ClusterView {
  /** Every namespace, with the policy that its label names; undefined when they could not be listed. */
  readonly namespaces: ReadonlyMap<string, string | undefined> | undefined;
  readonly rbac: Rbac;
  /** Whether `rbac` is all there is. */
  readonly complete: boolean;
}

/** How many of a kind are listed, before "and 7 more": this is read by people. */
const MOST = 20;

/** Never governed, whatever their labels. */
const EXEMPT: ReadonlySet<string> = new Set(['kube-system', OBJECT.namespace]);

/** What an admin may regret of the identities that a policy trusts, in this cluster: who can act as them. */
export function lintInCluster(read: ReadPolicy, view: ClusterView): readonly Finding[] {
  const reach = reachIn(view.rbac, read.policy.kinds);
  const accounts = accountsOf(read, [...(view.namespaces?.keys() ?? [])]);
  // A pattern may stand for an account in every namespace.
  const byRule = [...Map.groupBy(accounts, ({ path }) => path).values()];
  return [
    ...byRule.flatMap((same) => atMost(same.flatMap((account) => lintHome(account, view)))),
    ...byRule.flatMap((same) => atMost(same.slice(0, MOST).flatMap((account) => lintReach(account, reach)))),
  ];
}

/** What does not depend on the policy: who can act as the controllers of Kubernetes, and who has Countersign's verbs. */
export function lintCluster({ rbac, complete }: ClusterView): readonly Finding[] {
  const reach = reachIn(rbac, WORKLOAD_KINDS);
  const usernames = new Set(BUILT_IN_CARRIERS.map(({ username }) => username));
  const username = [...usernames].find((each) => identityOf(each).home !== undefined) ?? '';
  const controllers: Account = {
    ...identityOf(username),
    path: '',
    role: 'a controller of Kubernetes, such as',
    power: POWER.carrier,
    isNamed: (name) => usernames.has(`system:serviceaccount:kube-system:${name}`),
  };
  const nobody = complete ? 'nobody but cluster admins' : 'nobody in what could be listed';
  return [
    ...atMost(lintReach(controllers, reach)),
    ...Object.values(VERB).map((verb) => {
      const holders = holdersOf(reach.grants, [
        // As Countersign and its admission policies ask: of no policy by its name.
        { verbs: [verb], group: API.group, resource: API.policyPlural, object: 'unnamed', namespace: undefined },
      ]).filter(({ subject }) => !reach.admins.has(titleOfSubject(subject)));
      return finding('VerbHeld', '', `may ${verb}: ${holders.length === 0 ? nobody : listed(holders)}`);
    }),
    finding('ClusterAdmins', '', `may do everything, and are left out above: ${listed([...reach.admins.values()])}`),
  ];
}

function lintHome({ path, role, power, username, home }: Account, { namespaces }: ClusterView): Finding[] {
  if (home === undefined || namespaces === undefined || EXEMPT.has(home)) return [];
  const lives = `${role} ${quote(username)} lives in namespace ${quote(home)}`;
  if (!namespaces.has(home)) {
    const message = `${lives}, which does not exist: whoever makes it can ${power}; make it, or correct the name`;
    return [finding('NamespaceMissing', path, message)];
  }
  const policy = namespaces.get(home);
  if (policy === undefined) return [];
  const message =
    `${lives}, which policy ${quote(policy)} governs: whoever may edit there can act as it, and ${power}; ` +
    'move it to a namespace where nobody but cluster admins may edit';
  return [finding('AccountInGovernedNamespace', path, message)];
}

interface Reach {
  /** What makes pods. */
  readonly kinds: readonly WorkloadKind[];
  readonly grants: readonly Grant[];
  /** Whoever may do everything, by title. */
  readonly admins: ReadonlyMap<string, Holder>;
}

function reachIn(rbac: Rbac, kinds: readonly WorkloadKind[]): Reach {
  const grants = grantsOf(rbac);
  const admins = new Map(adminsIn(grants).map((holder) => [titleOfSubject(holder.subject), holder]));
  return { kinds, grants, admins };
}

/** One finding for each subject that can act as the account. */
function lintReach(account: Account, { kinds, grants, admins }: Reach): Finding[] {
  const { path, role, power, username } = account;
  const reached = new Map<string, { what: string[]; bindings: string[] }>();
  for (const { what, accesses } of waysTo(account, kinds)) {
    for (const { subject, bindings } of holdersOf(grants, accesses)) {
      const title = titleOfSubject(subject);
      if (admins.has(title) || isControlPlane(subject) || isItself(subject, account)) continue;
      const known = reached.get(title) ?? { what: [], bindings: [] };
      reached.set(title, { what: [...known.what, what], bindings: [...known.bindings, ...bindings] });
    }
  }
  return [...reached]
    .toSorted(([one], [other]) => compare(one, other))
    .map(([title, { what, bindings }]) => {
      const message =
        `${title} can ${what.join(', ')}, by ${some(bindings)}: whoever acts as ${role} ${quote(username)} ` +
        `can ${power}; leave that to cluster admins`;
      return finding('AccountReachable', path, message);
    });
}

/** The first few findings of one rule, and how many more there are. */
function atMost(findings: readonly Finding[]): readonly Finding[] {
  const [first] = findings;
  if (findings.length <= MOST || first === undefined) return findings;
  return [...findings.slice(0, MOST), finding(first.code, first.path, `and ${findings.length - MOST} more like these`)];
}

function listed(holders: readonly Holder[]): string {
  if (holders.length === 0) return 'nobody by RBAC';
  const titles = holders.map(({ subject, bindings }) => `${titleOfSubject(subject)} by ${some(bindings)}`);
  const rest = titles.length > MOST ? [`and ${titles.length - MOST} more`] : [];
  return [...titles.slice(0, MOST), ...rest].join('; ');
}

/** A subject may have one right by many bindings; three show where to look. */
function some(bindings: readonly string[]): string {
  const titles = [...new Set(bindings)].toSorted(compare);
  return titles.length <= 3 ? titles.join(', ') : `${titles.slice(0, 3).join(', ')} and ${titles.length - 3} more`;
}
