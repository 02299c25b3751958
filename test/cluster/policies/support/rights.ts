import type { Countersign } from '../../admission/support/countersign.ts';
import { until } from '../../until.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

export interface Rights {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Gives a user rights in the whole cluster, and waits until they have them. They go with {@link revoke}. */
export async function grant({ admin }: Countersign, user: string, rules: readonly Rights[]): Promise<string> {
  const roles = await admin.call<{ metadata: { name: string } }>('POST', `${RBAC}/clusterroles`, {
    body: { metadata: { generateName: 'test-' }, rules },
  });
  const { name } = roles.body.metadata;
  await admin.call('POST', `${RBAC}/clusterrolebindings`, {
    body: {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    },
  });
  const { apiGroups, resources, verbs } = rules.at(-1) ?? { apiGroups: [], resources: [], verbs: [] };
  const [resource, subresource] = resources[0]?.split('/') ?? [];
  const resourceAttributes = { group: apiGroups[0], resource, subresource, verb: verbs[0] };
  await until(`${user} may ${verbs[0]} ${resources[0]}`, async () => {
    const answer = await admin.call<{ status?: { allowed?: boolean } }>(
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      { body: { spec: { user, resourceAttributes } } },
    );
    return answer.body.status?.allowed === true;
  });
  return name;
}

export async function revoke({ admin }: Countersign, name: string): Promise<void> {
  for (const resource of ['clusterrolebindings', 'clusterroles'])
    await admin.call('DELETE', `${RBAC}/${resource}/${name}`);
}
