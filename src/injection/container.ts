import { inOnePiece, type Json, type JsonObject } from '../json.ts';
import { CONTAINER, CREDENTIALS_PATH, ENV, PATH, PORT, SESSION_SETTING, TOKEN_FILE, VOLUME } from '../names.ts';

/** What one session is given; everything that is injected follows from it. */
export interface SessionPlan {
  readonly operator: string;
  readonly roleArn: string;
  readonly durationSeconds: number;
  readonly region: string;
  readonly identity: 'irsa' | 'pod-identity';
  readonly baseRole: string | undefined;
  readonly stsEndpoint: string;
  readonly podIdentityEndpoint: string;
  /** Whether the AWS session gets the tags `operator` and `session`. */
  readonly tags: boolean;
  readonly instanceMetadata: 'refuse' | 'accept';
  readonly kubernetes: { readonly identity: 'none' } | KubernetesPlan;
  readonly delivery: 'sidecar' | 'files';
  /** The image of the session container. */
  readonly image: string;
  readonly resources: { readonly requests: JsonObject; readonly limits: JsonObject };
}

/** Access to the Kubernetes API, as the pod's service account that impersonates the operator. */
export interface KubernetesPlan extends ApiServer {
  readonly identity: 'pod';
}

/**
 * How session containers reach the API server. Countersign says it, and not what stands in the pod's namespace: an editor
 * there can change `kube-root-ca.crt` and make a Service named `kubernetes`, and would be handed the session's token.
 */
export interface ApiServer {
  /** URL with https. */
  readonly server: string;
  /** The certificates that its own is signed by, PEM. */
  readonly ca: string;
}

/** Longest wait of the application for its session, within the hook; a pod deleted meanwhile waits for it too. */
const GATE_SECONDS = 10;

/** Lifetime asked for projected tokens, in seconds; kubelet renews them at 80 %. */
const TOKEN_SECONDS = 3600;

const AUDIENCE = { irsa: 'sts.amazonaws.com', 'pod-identity': 'pods.eks.amazonaws.com' } as const;

/** The variables that tell any container whose session it is in. */
function sessionVariables(plan: SessionPlan): JsonObject[] {
  return [
    { name: ENV.operator, value: plan.operator },
    { name: ENV.roleArn, value: plan.roleArn },
    { name: ENV.duration, value: String(plan.durationSeconds) },
    SESSION_ID,
  ];
}

/** The uid is not known at admission; nobody can choose it either, which is why it is the session's id. */
const SESSION_ID = { name: ENV.sessionId, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } } };

/**
 * The session container. Every field that the API server would default is written out, so that what it stores is what
 * was planned and a second review finds nothing to change. It fits Pod Security `restricted`.
 */
export function sessionContainer(plan: SessionPlan): JsonObject {
  const sidecar = plan.delivery === 'sidecar';
  return {
    name: CONTAINER.name,
    image: plan.image,
    imagePullPolicy: 'IfNotPresent',
    command: [CONTAINER.program, 'session', sidecar ? 'run' : 'init'],
    ...(sidecar && { restartPolicy: 'Always', lifecycle: GATE }),
    env: [...sessionVariables(plan), ...settings(plan)],
    resources: { requests: plan.resources.requests, limits: plan.resources.limits },
    securityContext: RESTRICTED,
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: MOUNTS,
  };
}

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsGroup: CONTAINER.user,
  runAsNonRoot: true,
  runAsUser: CONTAINER.user,
  seccompProfile: { type: 'RuntimeDefault' },
};

const MOUNTS = [
  { name: VOLUME.shared, mountPath: PATH.shared },
  { name: VOLUME.private, mountPath: PATH.private },
  { name: VOLUME.tokens, mountPath: PATH.tokens, readOnly: true },
];

/** Holds the application back until the session is ready; a startup probe costs over a second more. */
const GATE = inOnePiece({
  postStart: { exec: { command: [CONTAINER.program, 'session', 'await-ready', `--seconds=${GATE_SECONDS}`] } },
});

function settings(plan: SessionPlan): JsonObject[] {
  const { kubernetes } = plan;
  return [
    ...RUNTIME,
    { name: SESSION_SETTING.identity, value: plan.identity },
    ...(plan.baseRole === undefined ? [] : [{ name: SESSION_SETTING.baseRole, value: plan.baseRole }]),
    ...(plan.identity === 'pod-identity'
      ? [{ name: SESSION_SETTING.podIdentityEndpoint, value: plan.podIdentityEndpoint }]
      : []),
    { name: SESSION_SETTING.region, value: plan.region },
    { name: SESSION_SETTING.stsEndpoint, value: plan.stsEndpoint },
    { name: SESSION_SETTING.sessionTags, value: String(plan.tags) },
    { name: SESSION_SETTING.instanceMetadata, value: plan.instanceMetadata },
    { name: SESSION_SETTING.kubernetesIdentity, value: kubernetes.identity },
    ...(kubernetes.identity === 'none'
      ? []
      : [
          { name: SESSION_SETTING.kubernetesServer, value: kubernetes.server },
          { name: SESSION_SETTING.kubernetesCa, value: kubernetes.ca },
          {
            name: SESSION_SETTING.namespace,
            valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
          },
        ]),
  ];
}

/**
 * Little memory, as every pod pays for it, and no inspector that a signal opens. With one arena for all its threads, glibc
 * holds a fifth less of what it once needed under load (measured).
 */
const RUNTIME: readonly JsonObject[] = inOnePiece([
  { name: 'NODE_OPTIONS', value: '--max-semi-space-size=1 --max-old-space-size=32 --disable-sigusr1' },
  { name: 'MALLOC_ARENA_MAX', value: '1' },
]);

/** The session's volumes: two in memory, and the session container's own tokens. */
export function sessionVolumes(plan: SessionPlan): (JsonObject & { name: string })[] {
  return [
    { name: VOLUME.shared, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: VOLUME.private, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: VOLUME.tokens, projected: { defaultMode: 0o444, sources: tokens(plan) } },
  ];
}

function tokens({ identity, kubernetes }: SessionPlan): JsonObject[] {
  const aws = { audience: AUDIENCE[identity], expirationSeconds: TOKEN_SECONDS, path: TOKEN_FILE.aws };
  // Without an audience it is for the API server, whatever that one is called.
  const api = { expirationSeconds: TOKEN_SECONDS, path: TOKEN_FILE.kubernetes };
  return [aws, ...(kubernetes.identity === 'none' ? [] : [api])].map((token) => ({ serviceAccountToken: token }));
}

/** What every other container is given to reach the session: its variables. */
export function applicationVariables(plan: SessionPlan): readonly JsonObject[] {
  const kubernetes = plan.kubernetes.identity === 'none' ? [] : KUBERNETES_VARIABLES;
  return [...sessionVariables(plan), ...POINTERS[plan.delivery], ...kubernetes, ...BLANK];
}

/**
 * Lead clients that know of no kubeconfig to the session's proxy; they win over what kubelet sets. `kubectl --as` without a
 * kubeconfig goes to localhost:8080, so both are needed.
 */
export const KUBERNETES_VARIABLES: readonly JsonObject[] = inOnePiece([
  { name: 'KUBERNETES_SERVICE_HOST', value: '127.0.0.1' },
  { name: 'KUBERNETES_SERVICE_PORT', value: String(PORT.kubernetes) },
  { name: 'KUBERNETES_SERVICE_PORT_HTTPS', value: String(PORT.kubernetes) },
]);

/** Variables that lead clients to the session. */
const POINTERS = { sidecar: inOnePiece(pointers('sidecar')), files: inOnePiece(pointers('files')) } as const;

function pointers(delivery: SessionPlan['delivery']): readonly JsonObject[] {
  return [
    { name: ENV.kubeconfig, value: PATH.kubeconfig },
    ...(delivery === 'files'
      ? []
      : [
          {
            name: 'AWS_CONTAINER_CREDENTIALS_FULL_URI',
            value: `http://127.0.0.1:${PORT.awsCredentials}${CREDENTIALS_PATH}`,
          },
          { name: 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', value: PATH.awsToken },
        ]),
    { name: 'AWS_CONFIG_FILE', value: PATH.awsConfig },
    { name: 'AWS_SHARED_CREDENTIALS_FILE', value: PATH.awsCredentials },
    { name: 'AWS_EC2_METADATA_DISABLED', value: 'true' },
  ];
}

/**
 * AWS variables that name a source of credentials. Blank, they switch the source off, and win over `envFrom` and over
 * what the image sets (measured with JavaScript v3 and botocore).
 */
export const BLANKED_VARIABLES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  // Older names that SDKs still read: Go v2 the first two, botocore the third (measured).
  'AWS_ACCESS_KEY',
  'AWS_SECRET_KEY',
  'BOTO_CONFIG',
] as const;

/** The API server drops an empty `value`, so a blank variable is one without. */
const BLANK: readonly JsonObject[] = BLANKED_VARIABLES.map((name) => ({ name }));

/** Where every other container finds the session's files. */
const SHARED_MOUNT = { name: VOLUME.shared, mountPath: PATH.shared, readOnly: true } as const;

/** The same where in-cluster clients look for a service account, whose token is the proxy's own. */
const SERVICE_ACCOUNT_MOUNT = {
  name: VOLUME.shared,
  mountPath: PATH.serviceAccount,
  subPath: PATH.serviceAccountSubPath,
  readOnly: true,
} as const;

/** What every other container mounts of the session. */
export function applicationMounts({ kubernetes }: SessionPlan): readonly JsonObject[] {
  return kubernetes.identity === 'none' ? MOUNT_ONLY_SHARED : APPLICATION_MOUNTS;
}

const MOUNT_ONLY_SHARED: readonly JsonObject[] = [SHARED_MOUNT];

/** All mounts of ours that an application container can have. */
export const APPLICATION_MOUNTS: readonly JsonObject[] = [SHARED_MOUNT, SERVICE_ACCOUNT_MOUNT];

/** Everything that is planned into a pod, whatever its containers are; the digest in a pod's stamp is of this. */
export function plannedParts(plan: SessionPlan): Json {
  return [sessionContainer(plan), sessionVolumes(plan), applicationVariables(plan), applicationMounts(plan)];
}
