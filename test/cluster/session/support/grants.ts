import { SESSION_IDENTITY } from '../../../../src/names.ts';

export interface Granted {
  readonly namespace: string;
  readonly operator: string;
  readonly sessionId: string;
  readonly identity: 'pod' | 'session';
}

/**
 * The pod's service account, which may impersonate this operator in this session and nothing else, and the right to
 * edit the namespace: bound to the operator's name, or to the session's group where there is one.
 */
export function grants({ namespace, operator, sessionId, identity }: Granted): object {
  const name = `test-${sessionId}`;
  const group = `${SESSION_IDENTITY.groupPrefix}${sessionId}`;
  const impersonate = (apiGroup: string, resource: string, resourceName: string) => ({
    apiGroups: [apiGroup],
    resources: [resource],
    resourceNames: [resourceName],
    verbs: ['impersonate'],
  });
  const roleRef = (role: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role });
  const rbac = (kind: string, metadata: object, more: object) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata,
    ...more,
  });
  const rules = [
    impersonate('', 'users', operator),
    impersonate('authentication.k8s.io', `userextras/${SESSION_IDENTITY.extraKey}`, sessionId),
    ...(identity === 'session' ? [impersonate('', 'groups', group)] : []),
  ];
  const subject = identity === 'session' ? { kind: 'Group', name: group } : { kind: 'User', name: operator };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', ...subject }];
  const account = [{ kind: 'ServiceAccount', name: 'agent', namespace }];
  const items = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'agent', namespace } },
    rbac('ClusterRole', { name }, { rules }),
    rbac('ClusterRoleBinding', { name }, { roleRef: roleRef(name), subjects: account }),
    rbac('RoleBinding', { name: 'operator', namespace }, { roleRef: roleRef('edit'), subjects }),
  ];
  return { apiVersion: 'v1', kind: 'List', items };
}
