import type { Api } from '../../cluster/admission/support/api.ts';
import type { Countersign } from '../../cluster/admission/support/countersign.ts';
import { until } from '../../cluster/until.ts';
import { OPERATOR } from './session-namespace.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/**
 * What an admin grants for `kubernetes.identity: pod`: the pods' service account may act as this operator, marked as a
 * session, and as nobody else.
 */
export async function allowImpersonation({ admin }: Countersign, namespace: string): Promise<void> {
  const name = `sessions-of-${namespace}`;
  const post = (resource: string, body: object) => create(admin, `${RBAC}/${resource}`, name, body);
  await post('clusterroles', {
    rules: [
      { apiGroups: [''], resources: ['users'], verbs: ['impersonate'], resourceNames: [OPERATOR] },
      {
        apiGroups: ['authentication.k8s.io'],
        resources: ['userextras/countersign.dev/session'],
        verbs: ['impersonate'],
      },
    ],
  });
  await post('clusterrolebindings', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', namespace, name: 'default' }],
  });
  const resourceAttributes = { verb: 'impersonate', resource: 'users', name: OPERATOR };
  const user = `system:serviceaccount:${namespace}:default`;
  await untilAllowed(admin, user, resourceAttributes);
}

/** What the role `edit` does not include: the operator may add ephemeral containers to pods. */
export async function allowDebugging({ admin }: Countersign, namespace: string): Promise<void> {
  const name = 'debuggers';
  const post = (resource: string, body: object) =>
    create(admin, `${RBAC}/namespaces/${namespace}/${resource}`, name, body);
  await post('roles', {
    rules: [{ apiGroups: [''], resources: ['pods/ephemeralcontainers'], verbs: ['patch'] }],
  });
  await post('rolebindings', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: OPERATOR }],
  });
  await untilAllowed(admin, OPERATOR, {
    namespace,
    verb: 'patch',
    resource: 'pods',
    subresource: 'ephemeralcontainers',
  });
}

async function create(admin: Api, path: string, name: string, body: object): Promise<void> {
  const answer = await admin.call('POST', path, { body: { metadata: { name }, ...body } });
  if (answer.status !== 201) throw new Error(`${path}/${name}: ${answer.body.message}`);
}

/** The authorizer learns of new bindings from a watch. */
async function untilAllowed(admin: Api, user: string, resourceAttributes: object): Promise<void> {
  await until(`${user} may ${JSON.stringify(resourceAttributes)}`, async () => {
    const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const review = { spec: { user, resourceAttributes } };
    const answer = await admin.call<{ status?: { allowed?: boolean } }>('POST', reviews, { body: review });
    return answer.body.status?.allowed === true;
  });
}
