import type { V1Pod } from '@kubernetes/client-node';
import type { Api } from '../../admission/support/api.ts';
import { type Patience, until } from '../../until.ts';

/** Where the API server serves a kind: written down a second time, so that a mistake in the program's table shows. */
const SERVED = {
  Pod: 'api/v1 pods',
  ConfigMap: 'api/v1 configmaps',
  Event: 'api/v1 events',
  ReplicationController: 'api/v1 replicationcontrollers',
  ReplicaSet: 'apis/apps/v1 replicasets',
  Deployment: 'apis/apps/v1 deployments',
  StatefulSet: 'apis/apps/v1 statefulsets',
  DaemonSet: 'apis/apps/v1 daemonsets',
  ControllerRevision: 'apis/apps/v1 controllerrevisions',
  Job: 'apis/batch/v1 jobs',
  CronJob: 'apis/batch/v1 cronjobs',
  JobSet: 'apis/jobset.x-k8s.io/v1alpha2 jobsets',
  Sandbox: 'apis/agents.x-k8s.io/v1beta1 sandboxes',
  SandboxClaim: 'apis/extensions.agents.x-k8s.io/v1beta1 sandboxclaims',
  SandboxWarmPool: 'apis/extensions.agents.x-k8s.io/v1beta1 sandboxwarmpools',
  AgentRun: 'apis/sympozium.ai/v1alpha1 agentruns',
} as const;

export type Kind = keyof typeof SERVED;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** An object as stored, as far as tests read it. */
export interface Stored {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generateName?: string;
    readonly generation?: number;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly OwnerReference[];
    readonly managedFields?: readonly object[];
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** An event, as far as tests read it. */
export interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

const FAILURES = new Set(['FailedCreate', 'ReplicaSetCreateError', 'FailedDaemonPod']);

export function apiVersionOf(kind: Kind): string {
  const [path = ''] = SERVED[kind].split(' ');
  return path.replace(/^apis?\//, '');
}

export function pathOf(kind: Kind, namespace: string, name = ''): string {
  const [path, resource] = SERVED[kind].split(' ');
  return `/${path}/namespaces/${namespace}/${resource}${name && `/${name}`}`;
}

/** What is stored in the cluster, read as its administrator. */
export class Store {
  readonly api: Api;

  constructor(admin: Api) {
    this.api = admin;
  }

  async get(kind: Kind, namespace: string, name: string): Promise<Stored> {
    const path = pathOf(kind, namespace, name);
    const { status, body } = await this.api.call<Stored & { message?: string }>('GET', path);
    if (status !== 200) throw new Error(`${path}: ${status} ${body.message}`);
    return body;
  }

  /** All of a kind, oldest first. Lists leave out what their items are. */
  async list(kind: Kind, namespace: string, labels: Readonly<Record<string, string>> = {}): Promise<readonly Stored[]> {
    const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const path = `${pathOf(kind, namespace)}?labelSelector=${encodeURIComponent(selector.join(','))}`;
    const { status, body } = await this.api.call<{ items: Stored[]; message?: string }>('GET', path);
    if (status !== 200) throw new Error(`${path}: ${status} ${body.message}`);
    return body.items
      .map((item) => ({ ...item, kind, apiVersion: apiVersionOf(kind) }))
      .toSorted((one, other) => Number(one.metadata.resourceVersion) - Number(other.metadata.resourceVersion));
  }

  /** What this object controls. */
  async childrenOf(owner: Stored, kind: Kind): Promise<readonly Stored[]> {
    const all = await this.list(kind, owner.metadata.namespace);
    return all.filter((each) => controllerOf(each)?.uid === owner.metadata.uid);
  }

  /** The object that controls this one, when it is still the one that was meant. */
  async ownerOf(object: Stored): Promise<Stored | undefined> {
    const reference = controllerOf(object);
    if (reference === undefined) return undefined;
    const owner = await this.get(reference.kind as Kind, object.metadata.namespace, reference.name);
    return owner.metadata.uid === reference.uid ? owner : undefined;
  }

  /** The pods with the label `app`, when there are exactly so many and none is on its way out. */
  untilPods(namespace: string, app: string, count: number, patience: Patience = {}): Promise<readonly Stored[]> {
    return this.untilPodsAre(
      `${count} pod(s) of ${app} in ${namespace}`,
      namespace,
      app,
      (pods) => pods.length === count,
      patience,
    );
  }

  /** The pods with the label `app`, as soon as they are as wanted; the error says what controllers complain of. */
  async untilPodsAre(
    what: string,
    namespace: string,
    app: string,
    wanted: (pods: readonly Stored[]) => boolean | Promise<boolean>,
    patience: Patience = {},
  ): Promise<readonly Stored[]> {
    const check = async () => {
      const pods = await this.list('Pod', namespace, { app });
      const staying = pods.every(({ metadata }) => metadata.deletionTimestamp === undefined);
      return staying && (await wanted(pods)) && pods;
    };
    try {
      return await until(what, check, { timeoutMs: 30_000, ...patience });
    } catch (error) {
      const complaints = (await this.failures(namespace)).map(({ message }) => message);
      throw new Error([what, ...new Set(complaints)].join('\n'), { cause: error });
    }
  }

  /** What controllers say of what they could not make. */
  async failures(namespace: string): Promise<readonly Failure[]> {
    const { body } = await this.api.call<{ items: Failure[] }>('GET', pathOf('Event', namespace));
    return body.items.filter(({ reason }) => FAILURES.has(reason));
  }

  /** The revisions of the workload with this label `app`, when there are so many. */
  untilRevisions(namespace: string, app: string, count: number): Promise<readonly Stored[]> {
    return until(`${count} revisions of ${app}`, async () => {
      const revisions = await this.list('ControllerRevision', namespace, { app });
      return revisions.length === count && revisions;
    });
  }

  async delete(kind: Kind, namespace: string, name: string): Promise<void> {
    const { status, body } = await this.api.call('DELETE', pathOf(kind, namespace, name));
    if (status !== 200 && status !== 202) throw new Error(`${kind} ${name}: ${status} ${body.message}`);
  }

  /** Does what a kubelet would: there is none, and controllers wait for pods that are ready, or have ended. */
  async setPhase({ metadata: { namespace, name } }: Stored, phase: 'Running' | 'Succeeded'): Promise<void> {
    const now = new Date().toISOString();
    const ready = phase === 'Running' ? 'True' : 'False';
    const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: ready, lastTransitionTime: now }));
    const path = `${pathOf('Pod', namespace, name)}/status`;
    const { status, body } = await this.api.call('PATCH', path, {
      body: { status: { phase, startTime: now, conditions } },
    });
    if (status !== 200) throw new Error(`${path}: ${status} ${body.message}`);
  }
}

export function controllerOf({ metadata }: Stored): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

export function asPod(object: Stored): V1Pod {
  return object as unknown as V1Pod;
}

/** The image of a pod's first container. */
export function imageOf(pod: Stored): string {
  return asPod(pod).spec?.containers[0]?.image ?? '';
}
