import type { WorkloadKind } from '../lineage/kinds.ts';
import type { Account } from './accounts.ts';
import type { Access } from './rbac.ts';

/** A way to act as an account: whoever has one of these rights has its identity, or can take it. */
export interface Way {
  /** As it stands after "can". */
  readonly what: string;
  readonly accesses: readonly Access[];
}

const WRITE = ['update', 'patch'] as const;
const IMPERSONATION = 'authentication.k8s.io';
const RBAC = 'rbac.authorization.k8s.io';

/**
 * The ways to act as an account. Those of a service account are what `edit` gives in its namespace (Kubernetes, "RBAC
 * good practices", privilege escalation); anybody else can only be impersonated.
 *
 * Left out are rights on nodes: whoever has them has every pod of the cluster.
 *
 * @param kinds the workload kinds that make pods, which run as any account of their namespace
 */
export function waysTo({ username, home, isNamed }: Account, kinds: readonly WorkloadKind[]): readonly Way[] {
  if (home === undefined) {
    const itself = { namespace: undefined, object: (name: string) => name === username };
    return [
      {
        what: 'impersonate it',
        accesses: [
          { ...itself, verbs: ['impersonate'], group: '', resource: 'users' },
          { ...itself, verbs: ['impersonate:user-info'], group: IMPERSONATION, resource: 'users' },
        ],
      },
    ];
  }
  const core = { namespace: home, group: '' };
  const account = { ...core, object: isNamed };
  return [
    { what: 'mint its tokens', accesses: [{ ...account, verbs: ['create'], resource: 'serviceaccounts/token' }] },
    {
      what: 'impersonate it',
      accesses: [
        { ...account, verbs: ['impersonate'], resource: 'serviceaccounts' },
        // Constrained impersonation, from Kubernetes 1.36 on (KEP-5284).
        { ...account, verbs: ['impersonate:serviceaccount'], group: IMPERSONATION, resource: 'serviceaccounts' },
      ],
    },
    {
      what: 'run pods as it',
      accesses: [{ group: '', resource: 'pods' }, ...kinds].flatMap(({ group, resource }): Access[] => [
        { namespace: home, group, resource, verbs: ['create'], object: 'unnamed' },
        { namespace: home, group, resource, verbs: WRITE, object: 'any' },
      ]),
    },
    {
      what: 'enter its pods',
      accesses: [
        // Before Kubernetes 1.35 `get` was enough, as a WebSocket begins with a GET.
        ...['pods/exec', 'pods/attach'].map((resource): Access => {
          return { ...core, verbs: ['create', 'get'], resource, object: 'any' };
        }),
        { ...core, verbs: WRITE, resource: 'pods/ephemeralcontainers', object: 'any' },
      ],
    },
    {
      what: 'write RBAC there',
      accesses: [
        ...['roles', 'rolebindings'].flatMap((resource) => writing(resource, home)),
        ...['clusterroles', 'clusterrolebindings'].flatMap((resource) => writing(resource, undefined)),
      ],
    },
  ];
}

function writing(resource: string, namespace: string | undefined): readonly Access[] {
  return [
    { group: RBAC, resource, namespace, verbs: ['create'], object: 'unnamed' },
    { group: RBAC, resource, namespace, verbs: WRITE, object: 'any' },
  ];
}
