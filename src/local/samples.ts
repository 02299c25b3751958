import type { JsonObject } from '../json.ts';

/** A review for the tour, and what it is meant to show. */
export interface Sample {
  readonly title: string;
  readonly user: { readonly username: string; readonly groups: readonly string[] };
  readonly pod: JsonObject;
}

const alice = { username: 'oidc:alice@example.com', groups: ['engineering', 'system:authenticated'] };

const app = { name: 'agent', image: 'registry.example/agent:1.4', command: ['agent', 'serve'] };

/** The reviews that `npm start` sends; they fit the sample policy. */
export const SAMPLES: readonly Sample[] = [
  {
    title: 'A human creates a pod',
    user: alice,
    pod: pod('research', { containers: [app] }),
  },
  {
    title: 'A service account creates one: nobody stands behind it',
    user: {
      username: 'system:serviceaccount:agents:default',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:agents', 'system:authenticated'],
    },
    pod: pod('research', { containers: [app] }),
  },
  {
    title: 'A human claims to be somebody else',
    user: alice,
    pod: pod('research', { containers: [{ ...app, env: [{ name: 'FAB_OPERATOR', value: 'bob@example.com' }] }] }),
  },
  {
    title: "The EKS webhook was there first: its credentials are replaced by the session's",
    user: alice,
    pod: pod('research', {
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
    pod: pod('research', {
      containers: [app],
      volumes: [
        { name: 'vault', projected: { sources: [{ serviceAccountToken: { audience: 'vault', path: 'token' } }] } },
      ],
    }),
  },
];

/** The AdmissionReview that an API server would send. */
export function reviewOf(sample: Sample): JsonObject {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '8f6d3a52-7a4e-4a53-9b35-6a8f5d9f0c11',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      name: 'research',
      namespace: 'agents',
      operation: 'CREATE',
      userInfo: sample.user,
      object: sample.pod,
      oldObject: null,
      dryRun: false,
    },
  };
}

function pod(name: string, spec: JsonObject): JsonObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'agents' }, spec };
}
