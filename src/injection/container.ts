import type { JsonObject } from '../json.ts';
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
    // The uid is not known at admission; nobody can choose it either, which is why it is the session's id.
    { name: ENV.sessionId, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } } },
  ];
}

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
    ...(sidecar && {
      restartPolicy: 'Always',
      // Holds the application back until the session is ready; a startup probe costs over a second more.
      lifecycle: {
        postStart: { exec: { command: [CONTAINER.program, 'session', 'await-ready', `--seconds=${GATE_SECONDS}`] } },
      },
    }),
    env: [...sessionVariables(plan), ...settings(plan)],
    resources: { requests: plan.resources.requests, limits: plan.resources.limits },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: USER,
      runAsNonRoot: true,
      runAsUser: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: VOLUME.shared, mountPath: PATH.shared },
      { name: VOLUME.private, mountPath: PATH.private },
      { name: VOLUME.tokens, mountPath: PATH.tokens, readOnly: true },
    ],
  };
}

function settings(plan: SessionPlan): JsonObject[] {
  return [
    setting('IDENTITY', plan.identity),
    ...(plan.baseRole === undefined ? [] : [setting('BASE_ROLE_ARN', plan.baseRole)]),
    setting('REGION', plan.region),
  ];
}

function setting(name: string, value: string): JsonObject {
  return { name: `${SESSION_SETTING_PREFIX}${name}`, value };
}

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
export function applicationVariables(plan: SessionPlan, blanked: readonly string[]): JsonObject[] {
  const values: [string, string][] = [
    [ENV.kubeconfig, PATH.kubeconfig],
    ...(plan.delivery === 'files'
      ? []
      : ([
          ['AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${PORT.awsCredentials}/v1/credentials`],
          ['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', PATH.awsToken],
        ] satisfies [string, string][])),
    ['AWS_CONFIG_FILE', PATH.awsConfig],
    ['AWS_SHARED_CREDENTIALS_FILE', PATH.awsCredentials],
    ['AWS_EC2_METADATA_DISABLED', 'true'],
  ];
  return [
    ...sessionVariables(plan),
    ...values.map(([name, value]) => ({ name, value })),
    // The API server drops an empty `value`, so a blank variable is one without.
    ...blanked.map((name) => ({ name })),
  ];
}

/** Where every other container finds the session's files. */
export const SHARED_MOUNT = { name: VOLUME.shared, mountPath: PATH.shared, readOnly: true } as const;
