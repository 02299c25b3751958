import { randomUUID } from 'node:crypto';
import type { Person } from '../../admission/support/person.ts';
import type { TestCluster } from '../../fixture.ts';
import { until } from '../../until.ts';
import { pathOf, type Store, type Stored } from './store.ts';

/** What a controller wrote of a resource, and how often in vain. */
export interface Writes {
  readonly create: number;
  readonly update: number;
  /** Updates by way of the status, which carry annotations too: that of a Deployment's revision comes this way. */
  readonly status: number;
  readonly refused: number;
}

const VERBS = ['create', 'update', 'patch'] as const;

/** Counts, in the audit log, what one controller has written in a namespace by now. */
export async function writesOf(
  cluster: TestCluster,
  asker: Person,
  account: string,
  namespace: string,
  resource: string,
): Promise<Writes> {
  // A request of which nobody else could have a record; what was answered before it stands before it in the log.
  const marker = randomUUID();
  await asker.api.call('GET', pathOf('ConfigMap', namespace, marker));
  await cluster.untilAudited({ namespace, name: marker });
  const user = `system:serviceaccount:kube-system:${account}`;
  const events = VERBS.flatMap((verb) => cluster.auditEvents({ user, verb, resource, namespace }));
  const done = events.filter(({ responseStatus }) => (responseStatus?.code ?? 0) < 300);
  const whole = done.filter(({ objectRef }) => objectRef?.subresource === undefined);
  return {
    create: whole.filter(({ verb }) => verb === 'create').length,
    update: whole.filter(({ verb }) => verb !== 'create').length,
    status: done.length - whole.length,
    refused: events.filter(({ responseStatus }) => responseStatus?.code === 403).length,
  };
}

/** Waits until a Deployment is as its spec says, and its controllers have nothing more to write. */
export async function untilSettled(store: Store, namespace: string, name: string): Promise<void> {
  await untilQuiet(`deployment ${name} in ${namespace}`, async () => {
    const deployment = await store.get('Deployment', namespace, name);
    const { replicas, paused } = deployment.spec as { replicas: number; paused?: boolean };
    const status = deployment.status ?? {};
    const done =
      status['observedGeneration'] === deployment.metadata.generation &&
      (paused === true || status['updatedReplicas'] === replicas) &&
      status['replicas'] === replicas;
    return done ? [deployment, ...(await store.childrenOf(deployment, 'ReplicaSet'))] : undefined;
  });
}

/** Looks in a row without a change: a controller that has something to write does so within tens of milliseconds. */
const LOOKS = 8;

/** Waits until nobody writes these objects any more. There is no event for that, so it is looked at for a while. */
export async function untilQuiet(what: string, read: () => Promise<readonly Stored[] | undefined>): Promise<void> {
  let seen = '';
  let same = 0;
  const quiet = async () => {
    const now = (await read())?.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).join(' ');
    same = now !== undefined && now === seen ? same + 1 : 0;
    seen = now ?? '';
    return same >= LOOKS;
  };
  await until(`${what}: nobody writes any more`, quiet, { timeoutMs: 30_000 });
}
