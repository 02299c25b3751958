import { readFileSync, writeFileSync } from 'node:fs';
import { SESSION_IDENTITY } from '../../src/names.ts';
import { Api } from '../../test/cluster/admission/support/api.ts';
import { type ControlPlane, startControlPlane } from '../../test/cluster/control-plane.ts';
import { findTools } from '../../test/cluster/tools/build.ts';
import { OPERATOR } from './rig.ts';

/** A Kubernetes API, with what the measured requests ask for. */
export interface Cluster {
  readonly controlPlane: ControlPlane;
  readonly kubectl: string;
  /** The administrator's. */
  readonly admin: Api;
  /** Holds {@link SMALL}, and nothing else of ours. */
  readonly namespace: string;
  /** Its ConfigMaps are five megabytes together. */
  readonly largeNamespace: string;
  /** Of the service account that may impersonate the operator. */
  readonly token: string;
  /** The same with `as-user-extra`, as every session says it; `as` is for kubectl's own flag. */
  readonly kubeconfig: string;
}

/** An object of a kilobyte, which changes. */
export const SMALL = 'small';

export const SMALL_GET = ({ namespace }: Cluster): string => `/api/v1/namespaces/${namespace}/configmaps/${SMALL}`;
export const LARGE_LIST = ({ largeNamespace }: Cluster): string => `/api/v1/namespaces/${largeNamespace}/configmaps`;

const LARGE = { objects: 500, bytes: 10_000 };
const ACCOUNT = 'agent';

/** @returns a text when there can be none here: why */
export async function startCluster(): Promise<Cluster | string> {
  const tools = await findTools(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'], console.log);
  if ('unavailable' in tools) return tools.unavailable;
  const controlPlane = await startControlPlane({ tools });
  try {
    return await furnish(controlPlane, tools.kubectl);
  } catch (error) {
    await controlPlane.close();
    throw error;
  }
}

async function furnish(controlPlane: ControlPlane, kubectl: string): Promise<Cluster> {
  const admin = new Api(controlPlane.adminKubeconfig);
  const namespace = await controlPlane.newNamespace();
  const largeNamespace = await controlPlane.newNamespace();
  const grants = await controlPlane.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(grantsIn(namespace)) });
  if (grants.status !== 0) throw new Error(grants.stderr);
  await created(admin, namespace, SMALL, 1000);
  for (let each = 0; each < LARGE.objects; each += 1) await created(admin, largeNamespace, `m${each}`, LARGE.bytes);

  const kubeconfig = await controlPlane.serviceAccountKubeconfig(namespace, ACCOUNT);
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8')) as { users: { user: Record<string, unknown> }[] };
  const user = config.users[0]?.user ?? {};
  const token = String(user['token']);
  user['as-user-extra'] = { [SESSION_IDENTITY.extraKey]: ['bench'] };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return { controlPlane, kubectl, admin, namespace, largeNamespace, token, kubeconfig };
}

async function created(admin: Api, namespace: string, name: string, bytes: number): Promise<void> {
  const body = { metadata: { name }, data: { text: 'All work and no play makes a dull object. '.repeat(bytes / 42) } };
  const answer = await admin.call('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body });
  if (answer.status !== 201) throw new Error(answer.body.message);
}

/** The account may act as the operator and mark it as a session; the operator may read ConfigMaps. */
function grantsIn(namespace: string): object {
  const rbac = 'rbac.authorization.k8s.io';
  const granted = (name: string, rules: readonly object[], subject: object): readonly object[] => [
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name }, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
      subjects: [subject],
    },
  ];
  const impersonate = [
    { apiGroups: [''], resources: ['users'], verbs: ['impersonate'], resourceNames: [OPERATOR] },
    {
      apiGroups: ['authentication.k8s.io'],
      resources: [`userextras/${SESSION_IDENTITY.extraKey}`],
      verbs: ['impersonate'],
    },
  ];
  const read = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }];
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace } },
      ...granted('bench-session', impersonate, { kind: 'ServiceAccount', name: ACCOUNT, namespace }),
      ...granted('bench-operator', read, { kind: 'User', apiGroup: rbac, name: OPERATOR }),
    ],
  };
}
