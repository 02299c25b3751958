import fc from 'fast-check';
import type { JsonObject } from '../../../src/json.ts';

/** A pod with one container, for tests that look at one thing. */
export function podWith(spec: object = {}, metadata: object = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'agent', namespace: 'agents', ...metadata },
    spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
  };
}

/** A value that no part of Countersign knows, which has to survive. */
const unknown = fc.dictionary(fc.stringMatching(/^x[a-z]{1,6}$/), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });

const ENV_NAMES = [
  'FOO',
  'PATH',
  'KUBECONFIG',
  'FAB_SESSION_ID',
  'AWS_PROFILE',
  'AWS_ROLE_ARN',
  'AWS_REGION',
  'AWS_BEARER_TOKEN_BEDROCK',
  'KUBERNETES_SERVICE_HOST',
] as const;

const env = fc
  .tuple(fc.constantFrom(...ENV_NAMES), fc.string(), unknown)
  .map(([name, value, more]) => ({ name, value, ...more }));

const volumes = fc.uniqueArray(
  fc.oneof(
    fc.tuple(fc.stringMatching(/^v[a-z]{1,5}$/), unknown).map(([name, more]) => ({ name, emptyDir: {}, ...more })),
    fc.constant({ name: 'aws-iam-token', projected: { sources: [eks('sts.amazonaws.com')] } }),
    fc.constant({ name: 'eks-pod-identity-token', projected: { sources: [eks('pods.eks.amazonaws.com')] } }),
    fc.constant({
      name: 'kube-api-access-x7k2p',
      projected: {
        sources: [
          { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
        ],
      },
    }),
  ),
  { selector: ({ name }) => name, maxLength: 4 },
);

const mounts = fc.array(
  fc
    .tuple(
      fc.constantFrom('vdata', 'aws-iam-token', 'kube-api-access-x7k2p'),
      fc.stringMatching(/^\/m[a-z/]{1,8}$/),
      unknown,
    )
    .map(([name, mountPath, more]) => ({ name, mountPath, ...more })),
  { maxLength: 4 },
);

function container(prefix: string) {
  const named = fc
    .tuple(fc.stringMatching(/^[a-z]{1,6}$/), unknown)
    .map(([name, more]) => ({ ...more, name: `${prefix}${name}`, image: 'i' }));
  const parts = fc.record(
    { env: fc.array(env, { maxLength: 5 }), volumeMounts: mounts, restartPolicy: fc.constant('Always') },
    { requiredKeys: [] },
  );
  return fc.tuple(named, parts).map(([base, more]) => ({ ...base, ...more }));
}

/** Pods of many shapes, all of which can be attributed. */
export const pods: fc.Arbitrary<JsonObject> = fc
  .record({
    metadata: fc.record(
      { name: fc.constant('agent'), annotations: fc.dictionary(fc.stringMatching(/^[a-z./~]{1,8}$/), fc.string()) },
      { requiredKeys: [] },
    ),
    spec: fc
      .record(
        {
          containers: fc.uniqueArray(container('c-'), { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
          initContainers: fc.uniqueArray(container('i-'), { maxLength: 2, selector: ({ name }) => name }),
          volumes,
          automountServiceAccountToken: fc.boolean(),
          serviceAccountName: fc.constant('agent'),
        },
        { requiredKeys: ['containers'] },
      )
      .chain((spec) => unknown.map((more) => ({ ...more, ...spec }))),
  })
  .map((pod) => ({ apiVersion: 'v1', kind: 'Pod', ...pod }) as unknown as JsonObject);

function eks(audience: string): object {
  return { serviceAccountToken: { audience, expirationSeconds: 86_400, path: 'token' } };
}
