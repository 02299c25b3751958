/** The workloads whose controllers make pods, and where each keeps the template. */
export interface WorkloadKind {
  readonly group: string;
  readonly kind: string;
  /** From the object to its pod template. */
  readonly template: readonly string[];
  /** The account under which its pods reach admission (kube-controller-manager, one account a controller). */
  readonly controller: string;
}

const TEMPLATE = ['spec', 'template'] as const;

const KINDS: readonly WorkloadKind[] = [
  // A Deployment's pods are made by the controller of its ReplicaSets.
  { group: 'apps', kind: 'Deployment', template: TEMPLATE, controller: 'replicaset-controller' },
  { group: 'apps', kind: 'ReplicaSet', template: TEMPLATE, controller: 'replicaset-controller' },
  { group: 'apps', kind: 'StatefulSet', template: TEMPLATE, controller: 'statefulset-controller' },
  { group: 'apps', kind: 'DaemonSet', template: TEMPLATE, controller: 'daemon-set-controller' },
  { group: 'batch', kind: 'Job', template: TEMPLATE, controller: 'job-controller' },
  {
    group: 'batch',
    kind: 'CronJob',
    template: ['spec', 'jobTemplate', 'spec', 'template'],
    controller: 'job-controller',
  },
  { group: '', kind: 'ReplicationController', template: TEMPLATE, controller: 'replication-controller' },
];

/** Finds a kind by the `apiVersion` and `kind` of an object. */
export function workloadKind(apiVersion: string, kind: string): WorkloadKind | undefined {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return KINDS.find((each) => each.group === group && each.kind === kind);
}
