import { inOnePiece, type Json, type JsonObject } from '../json.ts';
import { CONTAINER, ENV, PATH, PORT, SESSION_SETTING_PREFIX, TOKEN_FILE, VOLUME } from '../names.ts';

/** What one session is given; everything that is injected follows from it. */
export interface SessionPlan {
  readonly operator: string;
  readonly roleArn: string;
  readonly durationSeconds: number;
  readonly region: string;
  readonly identity: 'irsa' | 'pod-identity';
  readonly baseRole: string | undefined;
  readonly delivery: 'sidecar' | 'files';
  /** The image of the session container. */
  readonly image: string;
  readonly resources: { readonly requests: JsonObject; readonly limits: JsonObject };
}

/**
 * A user of its own, so that an application with the same number cannot signal the session container or read its
 * memory, should the two ever share a process namespace.
 */
const USER = 64_118;

/** Longest wait of the application for its session, within the hook; a pod deleted meanwhile waits for it too. */
const GATE_SECONDS = 10;

/** Lifetime asked for projected tokens, in seconds; kubelet renews them at 80 %. */
const TOKEN_SECONDS = 3600;

const AUDIENCE = { irsa: 'sts.amazonaws.com', 'pod-identity': 'pods.eks.amazonaws.com' } as const;

/** The variables that tell any container whose session it is in. */
export function sessionVariables(plan: SessionPlan): JsonObject[] {
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
  runAsGroup: USER,
  runAsNonRoot: true,
  runAsUser: USER,
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
  return [
    { name: SETTING.identity, value: plan.identity },
    ...(plan.baseRole === undefined ? [] : [{ name: SETTING.baseRole, value: plan.baseRole }]),
    { name: SETTING.region, value: plan.region },
  ];
}

/** Names of the settings that only the session container gets. */
const SETTING = inOnePiece({
  identity: `${SESSION_SETTING_PREFIX}IDENTITY`,
  baseRole: `${SESSION_SETTING_PREFIX}BASE_ROLE_ARN`,
  region: `${SESSION_SETTING_PREFIX}REGION`,
});

/** The session's volumes: two in memory, and the session container's own tokens. */
export function sessionVolumes(plan: SessionPlan): (JsonObject & { name: string })[] {
  return [
    { name: VOLUME.shared, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: VOLUME.private, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: VOLUME.tokens, projected: { defaultMode: 0o444, sources: [{ serviceAccountToken: awsToken(plan) }] } },
  ];
}

function awsToken({ identity }: SessionPlan): JsonObject {
  return { audience: AUDIENCE[identity], expirationSeconds: TOKEN_SECONDS, path: TOKEN_FILE.aws };
}

/** What every other container is given to reach the session: its variables. */
export function applicationVariables(plan: SessionPlan): readonly JsonObject[] {
  return [...sessionVariables(plan), ...POINTERS[plan.delivery], ...BLANK];
}

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
            value: `http://127.0.0.1:${PORT.awsCredentials}/v1/credentials`,
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
export const SHARED_MOUNT = { name: VOLUME.shared, mountPath: PATH.shared, readOnly: true } as const;

/** Everything that is planned into a pod, whatever its containers are; the digest in a pod's stamp is of this. */
export function plannedParts(plan: SessionPlan): Json {
  return [sessionContainer(plan), sessionVolumes(plan), applicationVariables(plan), SHARED_MOUNT];
}
