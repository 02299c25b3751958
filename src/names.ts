/**
 * Every name that Countersign writes into objects, or that two of its parts must agree on.
 *
 * Names, once released, are an interface: admins write them into RBAC, network policies and queries.
 */

const GROUP = 'countersign.dev';

/** API group and version of the `AttributionPolicy` custom resource. */
export const API = {
  group: GROUP,
  version: 'v1alpha1',
  apiVersion: `${GROUP}/v1alpha1`,
  policyKind: 'AttributionPolicy',
  policyPlural: 'attributionpolicies',
  policySingular: 'attributionpolicy',
} as const;

/** Labels on namespaces. */
export const LABEL = {
  /** Names the policy that governs the namespace. */
  policy: `${GROUP}/policy`,
  /** `enforce` (default), `warn` or `audit`. */
  mode: `${GROUP}/mode`,
  /** Set by Kubernetes on every namespace; the value is the namespace's name. */
  namespaceName: 'kubernetes.io/metadata.name',
  /** Pod Security admission's enforced level. */
  podSecurityEnforce: 'pod-security.kubernetes.io/enforce',
  /** The version of Kubernetes whose levels are meant; older ones forbid less. */
  podSecurityEnforceVersion: 'pod-security.kubernetes.io/enforce-version',
} as const;

/** Annotations on pods and workloads. */
export const ANNOTATION = {
  /** A delegator names the operator here. */
  onBehalfOf: `${GROUP}/on-behalf-of`,
  /** The signed statement of who submitted an object. */
  stamp: `${GROUP}/stamp`,
  /** The signed statement, on a carrier's child, that it comes from a stamped parent. */
  custody: `${GROUP}/custody`,
  /** Asks for a new stamp in somebody's name, and says why; taken out again at once. */
  restamp: `${GROUP}/restamp`,
  /** On a namespace: since when it has been governed without a break. Stamps from before do not count. */
  governedSince: `${GROUP}/governed-since`,
  /** The EKS Pod Identity webhook leaves the containers listed here alone. */
  eksSkipContainers: 'eks.amazonaws.com/skip-containers',
  /** kubelet puts this on the API server's copy of a static pod. */
  mirrorPod: 'kubernetes.io/config.mirror',
} as const;

/** How a running session shows in `userInfo`, once its pod acts through the API server. */
export const SESSION_IDENTITY = {
  /** Followed by the pod's uid. */
  groupPrefix: `${GROUP}:session:`,
  extraKey: `${GROUP}/session`,
  /** Followed by the pod's uid: what AWS calls the session (RoleSessionName), and what its own objects are called. */
  namePrefix: 'fab-',
} as const;

/** The injected container. */
export const CONTAINER = {
  name: 'countersign',
  /** The program's path in the image; the hook needs a path, as `exec` does not use the image's entry point. */
  program: '/usr/local/bin/countersign',
  /**
   * A user and group of its own, so that an application with the same number cannot signal the session container or
   * read its memory, should the two ever share a process namespace.
   */
  user: 64_118,
} as const;

/** Volumes in an attributed pod. */
export const VOLUME = {
  /** What the application may read: local endpoint tokens, kubeconfig, AWS configuration. */
  shared: 'countersign',
  /** What survives a restart of the session container and nobody else may read. */
  private: 'countersign-private',
  /** The session container's projected tokens. */
  tokens: 'countersign-tokens',
} as const;

const SHARED_DIR = '/var/run/countersign';

/** Paths inside the containers. */
export const PATH = {
  shared: SHARED_DIR,
  private: '/var/run/countersign-private',
  tokens: '/var/run/countersign-tokens',
  /** Under {@link PATH.shared}. */
  kubeconfig: `${SHARED_DIR}/kubeconfig`,
  awsToken: `${SHARED_DIR}/aws-token`,
  awsConfig: `${SHARED_DIR}/aws-config`,
  awsCredentials: `${SHARED_DIR}/aws-credentials`,
  /** The part of the shared volume that stands in for the service account mount. */
  serviceAccountSubPath: 'serviceaccount',
  /** Where every in-cluster client looks. */
  serviceAccount: '/var/run/secrets/kubernetes.io/serviceaccount',
  terminationLog: '/dev/termination-log',
} as const;

/** Names of the projected files under {@link PATH.tokens}. */
export const TOKEN_FILE = {
  aws: 'aws-token',
  kubernetes: 'kubernetes-token',
} as const;

/** Loopback ports inside the pod. */
export const PORT = {
  awsCredentials: 9911,
  kubernetes: 9912,
} as const;

/** Path of the credentials endpoint, the same as the EKS Pod Identity agent's. */
export const CREDENTIALS_PATH = '/v1/credentials';

/** Environment variables that Countersign sets. */
export const ENV = {
  operator: 'FAB_OPERATOR',
  roleArn: 'FAB_SESSION_ROLE_ARN',
  duration: 'FAB_SESSION_DURATION',
  sessionId: 'FAB_SESSION_ID',
  kubeconfig: 'KUBECONFIG',
} as const;

/** Variables that only the session container gets, beside {@link ENV}. */
export const SESSION_SETTING = {
  identity: 'COUNTERSIGN_IDENTITY',
  baseRole: 'COUNTERSIGN_BASE_ROLE_ARN',
  region: 'COUNTERSIGN_REGION',
  stsEndpoint: 'COUNTERSIGN_STS_ENDPOINT',
  podIdentityEndpoint: 'COUNTERSIGN_POD_IDENTITY_ENDPOINT',
  sessionTags: 'COUNTERSIGN_SESSION_TAGS',
  instanceMetadata: 'COUNTERSIGN_INSTANCE_METADATA',
  kubernetesIdentity: 'COUNTERSIGN_KUBERNETES_IDENTITY',
  kubernetesServer: 'COUNTERSIGN_KUBERNETES_SERVER',
  kubernetesCa: 'COUNTERSIGN_KUBERNETES_CA',
  namespace: 'COUNTERSIGN_NAMESPACE',
} as const;

/** HTTP paths of the webhook; each is followed by `/` and the path secret. */
export const WEBHOOK_PATH = {
  /** Pods and workloads of namespaces in `enforce`. */
  mutate: '/mutate',
  /** Those of namespaces in `warn` and `audit`, which start also when Countersign is away. */
  mutateUnenforced: '/mutate-unenforced',
  /** Namespaces, whose governance gets a date. */
  govern: '/govern',
  /** What is final: pods, workloads, and ways into running pods. */
  guard: '/guard',
  guardUnenforced: '/guard-unenforced',
  /** Ways into running pods that the guard was not asked about, as whoever went there may break glass. */
  breakGlass: '/break-glass',
  validatePolicy: '/validate-policy',
} as const;

/** The webhooks in the configurations, by name, and the path that each leads to. */
export const WEBHOOKS = {
  [`pods.${GROUP}`]: WEBHOOK_PATH.mutate,
  [`unenforced.pods.${GROUP}`]: WEBHOOK_PATH.mutateUnenforced,
  [`workloads.${GROUP}`]: WEBHOOK_PATH.mutate,
  [`unenforced.workloads.${GROUP}`]: WEBHOOK_PATH.mutateUnenforced,
  [`namespaces.${GROUP}`]: WEBHOOK_PATH.govern,
  [`guard.${GROUP}`]: WEBHOOK_PATH.guard,
  [`unenforced.guard.${GROUP}`]: WEBHOOK_PATH.guardUnenforced,
  [`access.${GROUP}`]: WEBHOOK_PATH.guard,
  [`unenforced.access.${GROUP}`]: WEBHOOK_PATH.guardUnenforced,
  [`break-glass.${GROUP}`]: WEBHOOK_PATH.breakGlass,
  [`policies.${GROUP}`]: WEBHOOK_PATH.validatePolicy,
} as const satisfies Readonly<Record<string, string>>;

/**
 * The ValidatingAdmissionPolicies. Those of governed namespaces have three bindings, with the mode before the name, such
 * as `enforce.images.countersign.dev`.
 */
export const ADMISSION_POLICY = {
  annotations: `annotations.${GROUP}`,
  bindings: `bindings.${GROUP}`,
  owners: `owners.${GROUP}`,
  tokens: `tokens.${GROUP}`,
  tokenSecrets: `token-secrets.${GROUP}`,
  images: `images.${GROUP}`,
  sessionAccounts: `session-accounts.${GROUP}`,
  sessionObjects: `session-objects.${GROUP}`,
  clusterSessionObjects: `cluster-session-objects.${GROUP}`,
  namespaces: `namespaces.${GROUP}`,
} as const;

/**
 * Verbs of our own on `attributionpolicies.countersign.dev`. RBAC decides who has them, so that neither policies nor
 * admission policies hold lists of names.
 */
export const VERB = {
  /** To enter running sessions of other people, with a record. */
  breakGlass: 'break-glass',
  /** To mint service account tokens in governed namespaces. */
  mintTokens: 'mint-tokens',
  /** To have an object stamped in another person's name. */
  restamp: 'restamp',
  /** To put namespaces under a policy, out of it, or into another mode. */
  govern: 'govern',
} as const;

/** Names of the objects that `manifests/` creates and that `bootstrap` repairs. */
export const OBJECT = {
  namespace: 'countersign-system',
  webhook: 'countersign-webhook',
  tlsSecret: 'countersign-webhook-tls',
  pathSecret: 'countersign-webhook-path',
  caSecret: 'countersign-ca',
  /** The private keys that stamps are signed with. */
  stampKeysSecret: 'countersign-stamp-keys',
  /** Their public parts, for whoever wants to verify stamps. */
  stampKeysConfigMap: 'countersign-stamp-keys',
  mutatingConfiguration: 'countersign',
  validatingConfiguration: 'countersign',
} as const;

/** Keys in the data of the Secret and the ConfigMap with the stamp keys, and the files that they are mounted as. */
export const STAMP_KEYS_FILE = { private: 'keys.json', public: 'jwks.json' } as const;
