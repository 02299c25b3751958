import type { JsonObject } from '../json.ts';
import { findKind, groupOf, WORKLOAD_KINDS } from '../lineage/kinds.ts';
import { nameOf } from '../lineage/metadata.ts';
import type { Store } from './store.ts';

interface User {
  readonly username: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** A review for the tour, and what it is meant to show. */
export interface Sample {
  readonly title: string;
  readonly user: User;
  /** What is created; a controller makes it of what was created before. */
  readonly object: JsonObject | ((store: Store) => JsonObject);
}

const alice = { username: 'oidc:alice@example.com', groups: ['engineering', 'system:authenticated'] };

const app = { name: 'agent', image: 'registry.example/agent:1.4', command: ['agent', 'serve'] };

/** The reviews that `npm start` sends; they fit the sample policy. */
export const SAMPLES: readonly Sample[] = [
  {
    title: 'A human creates a pod',
    user: alice,
    object: pod('research', { containers: [app] }),
  },
  {
    title: 'A service account creates one: nobody stands behind it',
    user: {
      username: 'system:serviceaccount:agents:default',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:agents', 'system:authenticated'],
    },
    object: pod('research', { containers: [app] }),
  },
  {
    title: 'A human claims to be somebody else',
    user: alice,
    object: pod('research', { containers: [{ ...app, env: [{ name: 'FAB_OPERATOR', value: 'bob@example.com' }] }] }),
  },
  {
    title: "The EKS webhook was there first: its credentials are replaced by the session's",
    user: alice,
    object: pod('research', {
      serviceAccountName: 'agent',
      containers: [
        {
          ...app,
          env: [
            { name: 'AWS_ROLE_ARN', value: 'arn:aws:iam::111122223333:role/shared-by-all-agents' },
            {
              name: 'AWS_WEB_IDENTITY_TOKEN_FILE',
              value: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token',
            },
          ],
          volumeMounts: [
            { name: 'aws-iam-token', mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount', readOnly: true },
          ],
        },
      ],
      volumes: [
        {
          name: 'aws-iam-token',
          projected: {
            defaultMode: 420,
            sources: [
              { serviceAccountToken: { audience: 'sts.amazonaws.com', expirationSeconds: 86400, path: 'token' } },
            ],
          },
        },
      ],
    }),
  },
  {
    title: "A pod brings a token of its own: a credential without the operator's name",
    user: alice,
    object: pod('research', {
      containers: [app],
      volumes: [
        { name: 'vault', projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 'token' } }] } },
      ],
    }),
  },
  {
    title: 'A human creates a Deployment: it is stamped with their name, and its template is left alone',
    user: alice,
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'writer', namespace: 'agents' },
      spec: { replicas: 1, template: { metadata: { labels: { app: 'writer' } }, spec: { containers: [app] } } },
    },
  },
  {
    title: 'Its controller makes a ReplicaSet: whose it is follows from the Deployment',
    user: controller('deployment-controller'),
    object: (store) => store.childOf('deployments/writer', 'apps/v1', 'ReplicaSet', { name: 'writer-6d5f' }),
  },
  {
    title: 'And of that another controller makes a pod, which nobody but that human stands behind',
    user: controller('replicaset-controller'),
    object: (store) => store.childOf('replicasets/writer-6d5f', 'v1', 'Pod', { name: 'writer-6d5f-x2x9z' }),
  },
];

/** A controller of Kubernetes, with a token of its own. */
function controller(name: string): User {
  return {
    username: `system:serviceaccount:kube-system:${name}`,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': ['JTI=1f3c'] },
  };
}

/** The AdmissionReview that an API server would send. */
export function reviewOf({ user }: Pick<Sample, 'user'>, object: JsonObject): JsonObject {
  const { group, version, kind, resource } = kindOf(object);
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '8f6d3a52-7a4e-4a53-9b35-6a8f5d9f0c11',
      kind: { group, version, kind },
      resource: { group, version, resource },
      name: nameOf(object),
      namespace: 'agents',
      operation: 'CREATE',
      userInfo: user as unknown as JsonObject,
      object,
      oldObject: null,
      dryRun: false,
    },
  };
}

/** How the API calls what an object is. */
export function kindOf(object: JsonObject) {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const group = groupOf(apiVersion);
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  return { group, version, kind, resource: findKind(WORKLOAD_KINDS, { group, kind })?.resource ?? 'pods' };
}

function pod(name: string, spec: JsonObject): JsonObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'agents' }, spec };
}
