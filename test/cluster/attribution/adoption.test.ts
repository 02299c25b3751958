import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Person } from '../admission/support/person.ts';
import { podWith } from '../admission/support/pods.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectCustody, expectLineage, operatorOf, operatorsOf, STAMP } from './support/lineage.ts';
import { ALICE, apply, BOB, kubectl, refused, useScene } from './support/scene.ts';
import { controllerOf, type Kind, pathOf, type Stored } from './support/store.ts';
import { AT_ONCE, ONE_BY_ONE, running, workload } from './support/workloads.ts';

const cluster = connect();

const APP = 'agent';

describe.skipIf(cluster.unavailable)('objects that change their owner', () => {
  const scene = useScene(cluster);
  let namespace: string;

  beforeEach(async () => {
    namespace = await scene.governed();
  });

  const deployment = (image: string, more: object = {}) =>
    workload('Deployment', APP, running(image), { ...AT_ONCE, ...more });

  const pods = (count: number): Promise<readonly Stored[]> => scene.store.untilPods(namespace, APP, count);

  /** The one object of a kind, once it belongs to this one, or to nobody. */
  function untilOwnedBy(kind: Kind, owner: Stored | undefined): Promise<Stored> {
    return until(`a ${kind} of ${owner?.metadata.name ?? 'nobody'}`, async () => {
      const found = await scene.store.list(kind, namespace);
      return found.find((each) => controllerOf(each)?.uid === owner?.metadata.uid);
    });
  }

  async function deletePod({ metadata }: Stored): Promise<void> {
    await kubectl(scene.bob, namespace, ['delete', 'pod', metadata.name]);
  }

  /** Alice's Deployment is deleted by Bob, and its ReplicaSet left alone. */
  async function orphan(): Promise<Stored> {
    await apply(scene.alice, namespace, deployment('app:1'));
    await pods(1);
    await kubectl(scene.bob, namespace, ['delete', 'deployment', APP, '--cascade=orphan']);
    return untilOwnedBy('ReplicaSet', undefined);
  }

  it('a ReplicaSet left alone works on in the name of who submitted it', async () => {
    const replicaSet = await orphan();
    expectCustody(scene, replicaSet, ALICE, undefined);
    const [first] = (await pods(1)) as [Stored];
    await deletePod(first);
    const [second] = (await pods(1)) as [Stored];
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    await expectLineage(scene, second, ALICE);
  });

  it('a ReplicaSet that a Deployment of the same template adopts works for its submitter from then on', async () => {
    const [first] = (await orphan().then(() => pods(1))) as [Stored];
    await apply(scene.bob, namespace, deployment('app:1', { replicas: 2 }));
    const top = await scene.store.get('Deployment', namespace, APP);
    await untilOwnedBy('ReplicaSet', top);
    const both = await pods(2);
    const kept = both.find(({ metadata }) => metadata.uid === first.metadata.uid);
    const added = both.find(({ metadata }) => metadata.uid !== first.metadata.uid);
    if (kept === undefined || added === undefined) throw new Error('the pod was not kept');
    expect(operatorOf(kept)).toBe(ALICE);
    await expectLineage(scene, added, BOB);
    expect(await scene.store.list('ReplicaSet', namespace)).toHaveLength(1);
  });

  it('a ReplicaSet that a Deployment of another template adopts keeps its name until it is drained', async () => {
    await orphan();
    await apply(scene.bob, namespace, deployment('app:2', ONE_BY_ONE));
    const top = await scene.store.get('Deployment', namespace, APP);
    await until('both ReplicaSets are its own', async () => {
      return (await scene.store.childrenOf(top, 'ReplicaSet')).length === 2;
    });
    const before = await pods(2);
    expect(operatorsOf(before).toSorted()).toEqual([ALICE, BOB]);
    const old = before.find((pod) => operatorOf(pod) === ALICE);
    if (old === undefined) throw new Error('there is no pod of Alice’s');
    await deletePod(old);
    const after = await scene.store.untilPodsAre('the pod is back', namespace, APP, (pods) => {
      return pods.length === 2 && pods.every(({ metadata }) => metadata.uid !== old.metadata.uid);
    });
    expect(operatorsOf(after).toSorted()).toEqual([ALICE, BOB]);
  });

  it('a pod that a ReplicaSet adopts keeps its name', async () => {
    const alone = podWith({}, { generateName: undefined, name: 'alone', labels: { app: APP } });
    const { metadata } = await scene.bob.created(namespace, alone);
    await apply(scene.alice, namespace, workload('ReplicaSet', APP, {}, { replicas: 2 }));
    const replicaSet = await scene.store.get('ReplicaSet', namespace, APP);
    const both = await pods(2);
    const adopted = both.find((pod) => pod.metadata.uid === metadata?.uid);
    expect(adopted && controllerOf(adopted)?.uid).toBe(replicaSet.metadata.uid);
    expect(adopted && operatorOf(adopted)).toBe(BOB);
    for (const pod of both) if (pod !== adopted) await expectLineage(scene, pod, ALICE);
  });

  it('a pod that is left alone keeps its name', async () => {
    await apply(scene.alice, namespace, workload('ReplicaSet', APP));
    const [before] = (await pods(1)) as [Stored];
    await kubectl(scene.bob, namespace, ['delete', 'replicaset', APP, '--cascade=orphan']);
    const after = await untilOwnedBy('Pod', undefined);
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(after.spec).toEqual(before.spec);
    expect(after.metadata.annotations).toEqual(before.metadata.annotations);
  });

  it('a workload that is deleted in the foreground goes, with all that was made for it', async () => {
    await apply(scene.alice, namespace, deployment('app:1', { replicas: 2 }));
    await pods(2);
    await kubectl(scene.bob, namespace, ['delete', 'deployment', APP, '--cascade=foreground', '--timeout=30s']);
    for (const kind of ['Deployment', 'ReplicaSet', 'Pod'] as const) {
      expect(await scene.store.list(kind, namespace)).toEqual([]);
    }
  });

  it('a finalizer is taken away by whoever may, human or not, also from what is being deleted', async () => {
    const { metadata, ...rest } = workload('Job', APP, {}, { parallelism: 0 });
    const withFinalizer = { ...rest, metadata: { ...metadata, finalizers: ['test.example/wait'] } };
    const cleaner = await scene.countersign.serviceAccount(await scene.ungoverned(), 'cleaner');
    for (const who of [scene.bob, cleaner]) {
      await kubectl(scene.alice, namespace, ['create', '-f', '-'], JSON.stringify(withFinalizer));
      await kubectl(scene.bob, namespace, ['delete', 'job', APP, '--wait=false']);
      expect((await scene.store.get('Job', namespace, APP)).metadata.deletionTimestamp).toBeDefined();
      const patch = JSON.stringify({ metadata: { finalizers: null } });
      await kubectl(who, namespace, ['patch', 'job', APP, '--type=merge', '--patch', patch]);
      await until('the Job is gone', async () => (await scene.store.list('Job', namespace)).length === 0);
    }
  });
});

describe.skipIf(cluster.unavailable)('a dry run', () => {
  const scene = useScene(cluster);
  let namespace: string;
  let mallory: Person;

  beforeAll(async () => {
    namespace = await scene.governed();
    mallory = await scene.countersign.person('mallory@evil.example');
  });

  it('of a workload answers what would be stored, and stores nothing', async () => {
    const manifest = JSON.stringify(workload('Deployment', APP));
    const create = ['create', '-f', '-', '-o', 'json'];
    const dry = JSON.parse(await kubectl(scene.alice, namespace, [...create, '--dry-run=server'], manifest)) as Stored;
    expect(await scene.store.list('Deployment', namespace)).toEqual([]);
    const real = JSON.parse(await kubectl(scene.alice, namespace, create, manifest)) as Stored;
    expect(dry.spec).toEqual(real.spec);
    expect(Object.keys(dry.metadata.annotations ?? {})).toEqual(Object.keys(real.metadata.annotations ?? {}));
    expect(real.metadata.annotations?.[STAMP]).toBeDefined();
  });

  it('of a change leaves object and stamp as they were', async () => {
    await apply(scene.alice, namespace, workload('CronJob', 'dry'));
    const before = await scene.store.get('CronJob', namespace, 'dry');
    const changed = JSON.stringify(workload('CronJob', 'dry', running('app:2')));
    const said = await kubectl(scene.bob, namespace, ['apply', '-f', '-', '--dry-run=server'], changed);
    expect(said).toContain('configured (server dry run)');
    expect(await scene.store.get('CronJob', namespace, 'dry')).toEqual(before);
  });

  it('is refused with the same words as the real one', async () => {
    const manifest = workload('Deployment', 'refused');
    const dry = await refused(mallory, namespace, ['create', '-f', '-', '--dry-run=server'], manifest);
    expect(dry).toContain('[NoOperatorRule]');
    expect(await refused(mallory, namespace, ['create', '-f', '-'], manifest)).toBe(dry);
    expect((await scene.store.api.call('GET', pathOf('Deployment', namespace, 'refused'))).status).toBe(404);
  });
});
