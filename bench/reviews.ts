import { isObject, type Json, type JsonObject } from '../src/json.ts';

/**
 * Reviews as API servers send them for a pod that a person created: defaults filled in, the service account's volume
 * mounted, managedFields attached. The same bytes in every run.
 */

export const OPERATOR = 'alice@example.com';

/** A review of exactly so many bytes of JSON; from 4 KB. */
export function reviewOfSize(bytes: number): string {
  let containers = 1;
  while (sizeOf(reviewOf(containers + 1)) <= bytes) containers += 1;
  let variables = 1;
  while (sizeOf(reviewOf(containers, variables + 1)) <= bytes) variables += 1;
  const missing = bytes - sizeOf(reviewOf(containers, variables, ''));
  if (missing < 0) throw new RangeError(`the smallest review is larger than ${bytes} bytes`);
  return JSON.stringify(reviewOf(containers, variables, 'x'.repeat(missing)));
}

/** A review of a pod with so many containers. */
export function reviewOf(containers: number, variables = 1, note = ''): JsonObject {
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '0df28fbd-5f5f-11e8-bc74-36e6bb280816',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      name: 'research-agent',
      namespace: 'agents',
      operation: 'CREATE',
      userInfo: {
        username: `oidc:${OPERATOR}`,
        groups: ['engineering', 'oidc:everyone', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': ['JTI=6d1f52d3-6dcf-4a2d-9a3e-5a4b8f2d6c11'] },
      },
      object: podOf(containers, variables, note),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'kubectl-client-side-apply' },
    },
  };
}

/** A review of a Deployment of such a pod, in a namespace. */
export function deploymentReview(namespace: string, username: string): JsonObject {
  const pod = podOf(1, 1, '');
  const { labels } = pod['metadata'] as { labels: JsonObject };
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '0df28fbd-5f5f-11e8-bc74-36e6bb280817',
      kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      resource: { group: 'apps', version: 'v1', resource: 'deployments' },
      name: 'research-agent',
      namespace,
      operation: 'CREATE',
      userInfo: { username, groups: ['engineering', 'system:authenticated'] },
      object: {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'research-agent', namespace, labels },
        spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod['spec'] } },
      },
      oldObject: null,
      dryRun: false,
    },
  };
}

function podOf(containers: number, variables: number, note: string): JsonObject {
  const metadata = {
    name: 'research-agent',
    namespace: 'agents',
    labels: { app: 'research-agent', 'app.kubernetes.io/part-of': 'research' },
  };
  const spec = {
    containers: Array.from({ length: containers }, (_, index) => containerOf(index, index === 0 ? variables : 6)),
  };
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      ...metadata,
      uid: 'a3a4a5a6-1111-4222-8333-944455566677',
      creationTimestamp: '2026-11-02T09:00:00Z',
      annotations: { 'example.com/note': note },
      managedFields: [
        {
          manager: 'kubectl-client-side-apply',
          operation: 'Update',
          apiVersion: 'v1',
          time: '2026-11-02T09:00:00Z',
          fieldsType: 'FieldsV1',
          fieldsV1: fieldsOf({ metadata: { labels: metadata.labels }, spec }),
        },
      ],
    },
    spec: {
      volumes: [
        { name: 'work', emptyDir: { sizeLimit: '2Gi' } },
        { name: 'settings', configMap: { name: 'research-agent', defaultMode: 420 } },
        {
          name: 'kube-api-access-x7k2p',
          projected: {
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
              { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
              {
                downwardAPI: {
                  items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
                },
              },
            ],
            defaultMode: 420,
          },
        },
      ],
      ...spec,
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'research-agent',
      serviceAccount: 'research-agent',
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      schedulerName: 'default-scheduler',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      priority: 0,
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
    },
    status: {},
  };
}

function containerOf(index: number, variables: number): JsonObject & { name: string } {
  const port = 8080 + index;
  return {
    name: index === 0 ? 'agent' : `tool-${index}`,
    image: 'registry.example.com/research/agent:1.4.2',
    args: ['serve', `--port=${port}`],
    ports: [{ containerPort: port, protocol: 'TCP' }],
    env: Array.from({ length: variables }, (_, at) => ({ name: `SETTING_${at}`, value: `value of setting ${at}` })),
    resources: { limits: { memory: '512Mi' }, requests: { cpu: '100m', memory: '256Mi' } },
    volumeMounts: [
      { name: 'work', mountPath: '/work' },
      { name: 'settings', readOnly: true, mountPath: '/etc/agent' },
      {
        name: 'kube-api-access-x7k2p',
        readOnly: true,
        mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
      },
    ],
    ...(index > 0 && { livenessProbe: probe(port, '/livez') }),
    readinessProbe: probe(port, '/readyz'),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: { capabilities: { drop: ['ALL'] }, allowPrivilegeEscalation: false },
  };
}

function probe(port: number, path: string): JsonObject {
  return {
    httpGet: { path, port, scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  };
}

/** The set of fields of an object, in the notation of managedFields. */
function fieldsOf(value: Json | undefined): JsonObject {
  if (Array.isArray(value)) {
    const named = value.filter((each) => isObject(each) && typeof each['name'] === 'string') as JsonObject[];
    return Object.fromEntries(
      named.map((each) => [`k:{"name":${JSON.stringify(each['name'])}}`, { '.': {}, ...fieldsOf(each) }]),
    );
  }
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [`f:${key}`, fieldsOf(each)]));
}

function sizeOf(review: JsonObject): number {
  return Buffer.byteLength(JSON.stringify(review));
}
