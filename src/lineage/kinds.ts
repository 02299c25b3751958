/**
 * The table of workload kinds: everything that Countersign knows about a kind stands here, and webhook configurations,
 * admission policies and the checks at admission follow from it. Admins add kinds of their own in a policy.
 */

/** An API group and a kind, such as `apps` and `Deployment`. */
export interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

/** Whose children an identity makes: it may hand a stamp on from `owner` to `child`, and do nothing else. */
export interface Carrier {
  readonly username: string;
  readonly owner: GroupKind;
  readonly child: GroupKind;
}

/**
 * What of an object the digest in its stamp covers.
 *
 * - `template`: the whole pod spec of every pod template at the path; `*` stands for each item of a list.
 * - `fields`: strings at the paths, for kinds whose controller builds the pod. Only plain strings, as controllers
 *   rewrite the rest (`10m` becomes `10m0s`).
 * - `spec`: the whole `spec`, for kinds whose controllers leave it as it was written.
 */
export type Coverage =
  | { readonly by: 'template'; readonly path: readonly string[] }
  | { readonly by: 'fields'; readonly paths: readonly (readonly string[])[] }
  | { readonly by: 'spec' };

/** What shows that a run has ended for good; what has none runs until it is deleted. */
export type Ending = { readonly conditions: readonly string[] } | { readonly phases: readonly string[] };

export interface WorkloadKind extends GroupKind {
  readonly versions: readonly string[];
  /** The plural under which the API server serves it. */
  readonly resource: string;
  readonly covers: Coverage;
  /** What is made for it. */
  readonly children: readonly Child[];
  /** Its pods may come from an earlier template, kept in a ControllerRevision that their label names. */
  readonly revisions?: (owner: string, label: string) => string;
  readonly ends?: Ending;
}

export interface Child extends GroupKind {
  /** A service account of kube-system, or what a policy's carrier must be listed as. */
  readonly by: { readonly controller: string } | { readonly preset: CarrierPreset };
  /** Whether the child's pod spec is a copy of the owner's; otherwise it contains it, with additions. */
  readonly copy: boolean;
  /**
   * Its annotations are those of the owner, so that a stamp among them once stood there. Those of others are not: a
   * CronJob's Jobs get what anybody writes into `jobTemplate.metadata`.
   */
  readonly annotated?: true;
}

/** Controllers outside Kubernetes, which a policy names by their accounts. */
export const CARRIER_PRESETS = ['agent-sandbox', 'jobset', 'sympozium'] as const;
export type CarrierPreset = (typeof CARRIER_PRESETS)[number];

const POD: GroupKind = { group: '', kind: 'Pod' };
const REVISION: GroupKind = { group: 'apps', kind: 'ControllerRevision' };
const TEMPLATE: Coverage = { by: 'template', path: ['spec', 'template'] };

function pods(controller: string): Child {
  return { ...POD, by: { controller }, copy: false };
}

function revisions(controller: string): Child {
  return { ...REVISION, by: { controller }, copy: true };
}

export const WORKLOAD_KINDS: readonly WorkloadKind[] = [
  {
    group: '',
    versions: ['v1'],
    kind: 'ReplicationController',
    resource: 'replicationcontrollers',
    covers: TEMPLATE,
    children: [pods('replication-controller')],
  },
  {
    group: 'apps',
    versions: ['v1'],
    kind: 'ReplicaSet',
    resource: 'replicasets',
    covers: TEMPLATE,
    children: [pods('replicaset-controller')],
  },
  {
    group: 'apps',
    versions: ['v1'],
    kind: 'Deployment',
    resource: 'deployments',
    covers: TEMPLATE,
    children: [
      { group: 'apps', kind: 'ReplicaSet', by: { controller: 'deployment-controller' }, copy: true, annotated: true },
    ],
  },
  {
    group: 'apps',
    versions: ['v1'],
    kind: 'StatefulSet',
    resource: 'statefulsets',
    covers: TEMPLATE,
    children: [pods('statefulset-controller'), revisions('statefulset-controller')],
    revisions: (_, label) => label,
  },
  {
    group: 'apps',
    versions: ['v1'],
    kind: 'DaemonSet',
    resource: 'daemonsets',
    covers: TEMPLATE,
    children: [pods('daemon-set-controller'), revisions('daemon-set-controller')],
    revisions: (owner, label) => `${owner}-${label}`,
  },
  {
    ...REVISION,
    versions: ['v1'],
    resource: 'controllerrevisions',
    // A patch that puts the whole template back.
    covers: { by: 'template', path: ['data', 'spec', 'template'] },
    children: [],
  },
  {
    group: 'batch',
    versions: ['v1'],
    kind: 'Job',
    resource: 'jobs',
    covers: TEMPLATE,
    children: [pods('job-controller')],
    ends: { conditions: ['Complete', 'Failed'] },
  },
  {
    group: 'batch',
    versions: ['v1'],
    kind: 'CronJob',
    resource: 'cronjobs',
    covers: { by: 'template', path: ['spec', 'jobTemplate', 'spec', 'template'] },
    children: [{ group: 'batch', kind: 'Job', by: { controller: 'cronjob-controller' }, copy: true }],
  },
  {
    group: 'jobset.x-k8s.io',
    versions: ['v1alpha2'],
    kind: 'JobSet',
    resource: 'jobsets',
    covers: { by: 'template', path: ['spec', 'replicatedJobs', '*', 'template', 'spec', 'template'] },
    children: [{ group: 'batch', kind: 'Job', by: { preset: 'jobset' }, copy: false }],
    ends: { conditions: ['Completed', 'Failed'] },
  },
  {
    group: 'agents.x-k8s.io',
    versions: ['v1beta1', 'v1alpha1'],
    kind: 'Sandbox',
    resource: 'sandboxes',
    covers: { by: 'template', path: ['spec', 'podTemplate'] },
    children: [{ ...POD, by: { preset: 'agent-sandbox' }, copy: false }],
  },
  {
    group: 'extensions.agents.x-k8s.io',
    versions: ['v1beta1', 'v1alpha1'],
    kind: 'SandboxClaim',
    resource: 'sandboxclaims',
    covers: { by: 'fields', paths: [['spec', 'sandboxTemplateRef', 'name']] },
    children: [{ group: 'agents.x-k8s.io', kind: 'Sandbox', by: { preset: 'agent-sandbox' }, copy: false }],
  },
  {
    group: 'sympozium.ai',
    versions: ['v1alpha1'],
    kind: 'AgentRun',
    resource: 'agentruns',
    covers: {
      by: 'fields',
      paths: [
        ['spec', 'agentRef'],
        ['spec', 'instanceRef'],
        ['spec', 'agentId'],
        ['spec', 'sessionKey'],
        ['spec', 'task'],
        ['spec', 'systemPrompt'],
        ['spec', 'model', 'provider'],
        ['spec', 'model', 'model'],
        ['spec', 'model', 'authSecretRef'],
        ['spec', 'sandbox', 'image'],
      ],
    },
    children: [
      { group: 'batch', kind: 'Job', by: { preset: 'sympozium' }, copy: false },
      { group: 'apps', kind: 'Deployment', by: { preset: 'sympozium' }, copy: false },
      { group: 'agents.x-k8s.io', kind: 'Sandbox', by: { preset: 'sympozium' }, copy: false },
      { group: 'extensions.agents.x-k8s.io', kind: 'SandboxClaim', by: { preset: 'sympozium' }, copy: false },
    ],
    ends: { phases: ['Succeeded', 'Failed', 'Skipped'] },
  },
];

/** Makers of pods that exist before any human asks for them, so that none can be named when they start. */
export const POOL_KINDS: readonly GroupKind[] = [{ group: 'extensions.agents.x-k8s.io', kind: 'SandboxWarmPool' }];

const CONTROLLER_ACCOUNT = 'system:serviceaccount:kube-system:';

/** Where the controllers share one identity (kube-controller-manager without `--use-service-account-credentials`). */
const CONTROLLER_MANAGER = 'system:kube-controller-manager';

/** The carriers that every cluster has: the controllers of kube-controller-manager. */
export const BUILT_IN_CARRIERS: readonly Carrier[] = WORKLOAD_KINDS.flatMap((owner) =>
  owner.children.flatMap((child) =>
    'controller' in child.by
      ? [`${CONTROLLER_ACCOUNT}${child.by.controller}`, CONTROLLER_MANAGER].map((username) => ({
          username,
          owner: groupKind(owner),
          child: groupKind(child),
        }))
      : [],
  ),
);

/** What a preset makes of an account. */
export function presetCarriers(preset: CarrierPreset, username: string): readonly Carrier[] {
  return WORKLOAD_KINDS.flatMap((owner) =>
    owner.children.flatMap((child) =>
      'preset' in child.by && child.by.preset === preset
        ? [{ username, owner: groupKind(owner), child: groupKind(child) }]
        : [],
    ),
  );
}

/** The group of an `apiVersion`: `apps` of `apps/v1`, and nothing of `v1`. */
export function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

export function isSameKind(one: GroupKind, other: GroupKind): boolean {
  return one.group === other.group && one.kind === other.kind;
}

/** Whether the controller of a kind copies its annotations to what it makes, and goes on doing so. */
export function handsAnnotationsDown({ children }: Pick<WorkloadKind, 'children'>): boolean {
  return children.some(({ annotated }) => annotated === true);
}

/** Finds a kind in a table. */
export function findKind(kinds: readonly WorkloadKind[], wanted: GroupKind): WorkloadKind | undefined {
  return kinds.find((each) => isSameKind(each, wanted));
}

/** Finds a kind by the resource that a request is made to. */
export function findResource(
  kinds: readonly WorkloadKind[],
  { group, resource }: { readonly group: string; readonly resource: string },
): WorkloadKind | undefined {
  return kinds.find((each) => each.group === group && each.resource === resource);
}

function groupKind({ group, kind }: GroupKind): GroupKind {
  return { group, kind };
}
