import { Fault } from '../errors.ts';
import { note, printDocuments, type Value } from '../manifests/yaml.ts';
import { SESSION_IDENTITY } from '../names.ts';
import { flawOf } from '../operator/canonical.ts';
import type { PolicySpec } from '../policy/schema.ts';
import { readServiceAccount } from './service-account.ts';

/** What no policy says, as options of the command line. */
export interface KubernetesOptions {
  /** `NAMESPACE/NAME`: as whom the agents' pods run. */
  readonly serviceAccount?: string;
  /** Whom it may impersonate. */
  readonly operator: readonly string[];
  /** A ClusterRole that these operators get in the namespace. */
  readonly clusterRole?: string;
}

/**
 * The RBAC for `kubernetes.identity: pod`, as YAML: the pods' service account may impersonate these people, mark what
 * it does as a session's, and nothing else. A client that does not impersonate is refused, and never unattributed.
 *
 * @throws Fault `UsageInvalid`
 */
export function kubernetesRbac(spec: PolicySpec, options: KubernetesOptions): string {
  const { namespace, name } = readServiceAccount(options.serviceAccount ?? '', false);
  const operators = operatorsOf(spec, options.operator);
  const impersonator = `countersign:impersonate:${namespace}:${name}`;
  const account = { kind: 'ServiceAccount', name, namespace };
  const documents: Value[] = [
    note('Made by: countersign iam kubernetes', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name, namespace },
    }),
    {
      apiVersion: RBAC,
      kind: 'ClusterRole',
      metadata: { name: impersonator },
      rules: [
        note('Without resourceNames this would be everybody, admins included.', {
          apiGroups: [''],
          resources: ['users'],
          resourceNames: operators,
          verbs: ['impersonate'],
        }),
        note('Grants nothing: the mark by which admission tells a session from the human.', {
          apiGroups: ['authentication.k8s.io'],
          resources: [`userextras/${SESSION_IDENTITY.extraKey}`],
          verbs: ['impersonate'],
        }),
      ],
    },
    binding('ClusterRoleBinding', { name: impersonator }, impersonator, [account]),
  ];
  if (options.clusterRole !== undefined) {
    const users = operators.map((operator) => ({ apiGroup: RBAC_GROUP, kind: 'User', name: operator }));
    const bound = { name: `countersign:operators:${name}`, namespace };
    documents.push(
      note(
        'What the sessions may do here. It is bound to the names of the people, so it is theirs outside of sessions ' +
          'too where the cluster knows them by these names.',
        binding('RoleBinding', bound, options.clusterRole, users),
      ),
    );
  }
  return printDocuments(documents);
}

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const RBAC = `${RBAC_GROUP}/v1`;

function binding(kind: string, metadata: Value, role: string, subjects: readonly Value[]): Value {
  return {
    apiVersion: RBAC,
    kind,
    metadata,
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role },
    subjects,
  };
}

/** At least one: an empty list of resourceNames is no limit at all. */
function operatorsOf({ left }: PolicySpec, operators: readonly string[]): readonly string[] {
  if (operators.length === 0) {
    throw new Fault('UsageInvalid', 'there is nobody to impersonate. Next: give --operator, once for each person');
  }
  for (const operator of operators) {
    const flaw = flawOf(operator);
    if (flaw !== undefined) {
      throw new Fault(
        'UsageInvalid',
        `--operator "${operator}" is no operator: ${flaw}. Next: write it as in FAB_OPERATOR`,
      );
    }
    if (left.includes(operator)) {
      throw new Fault('UsageInvalid', `${operator} has left, says the policy. Next: leave out this --operator`);
    }
  }
  return [...new Set(operators)];
}
