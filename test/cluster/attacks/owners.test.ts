import { beforeAll, describe, expect, it } from 'vitest';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { CUSTODY, operatorOf, operatorsOf, STAMP } from '../attribution/support/lineage.ts';
import { ALICE, apply, kubectl } from '../attribution/support/scene.ts';
import { apiVersionOf, imageOf, type Kind, pathOf, type Stored } from '../attribution/support/store.ts';
import { running, workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { EVE, useArena } from './support/arena.ts';
import { codeOf, namedOn } from './support/attempts.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('to be somebody else by way of what they own', () => {
  const arena = useArena(cluster);
  let namespace: string;
  let set: Stored;

  beforeAll(async () => {
    namespace = await arena.governed();
    const { alice, store } = arena.scene;
    await apply(alice, namespace, workload('Deployment', 'web'));
    await store.untilPods(namespace, 'web', 1);
    const [made] = await store.childrenOf(await store.get('Deployment', namespace, 'web'), 'ReplicaSet');
    if (made === undefined) throw new Error('there is no ReplicaSet');
    set = made;
  });

  const controlledBy = ({ kind, metadata: { name, uid } }: Stored) => ({
    ownerReferences: [{ apiVersion: apiVersionOf(kind), kind, name, uid, controller: true }],
  });
  const pod = (metadata: object, image = 'evil:1') => ({ metadata, spec: { containers: [{ ...APP, image }] } });
  const as = (account: string) => ({ 'impersonate-user': account });
  const create = (by: Person, kind: Kind, body: object, headers = {}) =>
    by.api.call<Stored & { message?: string }>('POST', pathOf(kind, namespace), { body, headers });
  const patch = (by: Person, kind: Kind, name: string, body: object, headers = {}) =>
    by.api.call<Stored & { message?: string }>('PATCH', pathOf(kind, namespace, name), { body, headers });

  it('a pod that names their ReplicaSet as its owner is of whoever made it', async () => {
    const made = await create(arena.eve, 'Pod', pod({ name: 'cuckoo', ...controlledBy(set) }));
    expect(operatorOf(made.body)).toBe(EVE);
    await arena.eve.api.call('DELETE', `${pathOf('Pod', namespace, 'cuckoo')}?gracePeriodSeconds=0`);
  });

  it('a service account of the namespace makes none', async () => {
    const headers = as(`system:serviceaccount:${namespace}:default`);
    const own = pod({ name: 'cuckoo', ...controlledBy(set) }, APP.image);
    expect(codeOf(await create(arena.eve, 'Pod', own, headers))).toBe('ControllerNotAttributed');
    const child = { ...workload('ReplicaSet', 'cuckoo'), metadata: { name: 'cuckoo', ...controlledBy(set) } };
    expect(codeOf(await create(arena.eve, 'ReplicaSet', child, headers))).toBe('ControllerNotAttributed');
  });

  it('a ReplicaSet or Job of one’s own is not given to them', async () => {
    for (const kind of ['ReplicaSet', 'Job'] as const) {
      const off = kind === 'Job' ? { suspend: true } : { replicas: 0 };
      await apply(arena.eve, namespace, workload(kind, 'mine', running('evil:1'), off));
      const moved = { metadata: controlledBy(set) };
      expect(codeOf(await patch(arena.eve, kind, 'mine', moved))).toBe('OwnerChanged');
      const status = `${pathOf(kind, namespace, 'mine')}/status`;
      expect(codeOf(await arena.mallory.api.call('PATCH', status, { body: moved }))).toBe('OwnerChanged');
    }
    const cuckoo = {
      ...workload('ReplicaSet', 'born', running('evil:1')),
      metadata: { name: 'born', ...controlledBy(set) },
    };
    const born = await create(arena.eve, 'ReplicaSet', cuckoo);
    expect(namedOn(arena.scene, born.body)).toEqual({ stamp: EVE, custody: 'nobody' });
    // The garbage collector takes it: nothing of its kind is owned by a ReplicaSet.
  });

  it('their pod is not taken away from them, nor given to one’s own ReplicaSet', async () => {
    const [prey] = await arena.scene.store.untilPods(namespace, 'web', 1);
    const mine = await arena.scene.store.get('ReplicaSet', namespace, 'mine');
    const name = prey?.metadata.name ?? '';
    expect(codeOf(await patch(arena.eve, 'Pod', name, { metadata: controlledBy(mine) }))).toBe('OwnerChanged');
    expect(codeOf(await patch(arena.eve, 'Pod', name, { metadata: { ownerReferences: null } }))).toBe('OwnerChanged');
  });

  it('an orphan of theirs that one’s own ReplicaSet adopts keeps its name, and gives none away', async () => {
    const [first] = await arena.scene.store.untilPods(namespace, 'web', 1);
    const name = first?.metadata.name ?? '';
    // A label that is the Deployment's no more: its controller lets go of the pod.
    await patch(arena.eve, 'Pod', name, { metadata: { labels: { app: 'nest', 'pod-template-hash': null } } });
    await apply(arena.eve, namespace, workload('ReplicaSet', 'nest', running('evil:1'), { replicas: 2 }));
    const pods = await arena.scene.store.untilPods(namespace, 'nest', 2);
    const seen = pods.map((each) => [operatorOf(each), imageOf(each)]);
    expect(seen).toContainEqual([ALICE, APP.image]);
    expect(seen).toContainEqual([EVE, 'evil:1']);
    await arena.scene.store.delete('ReplicaSet', namespace, 'nest');
  });

  it('a ReplicaSet that their Deployment adopts by its labels runs in the name of whoever wrote it', async () => {
    const { store } = arena.scene;
    const foster = workload('ReplicaSet', 'foster', running('evil:1'), { replicas: 1 });
    await apply(arena.eve, namespace, {
      ...foster,
      spec: {
        ...foster.spec,
        selector: { matchLabels: { app: 'web', by: 'eve' } },
        template: { metadata: { labels: { app: 'web', by: 'eve' } }, spec: running('evil:1') },
      },
      metadata: { name: 'foster', labels: { app: 'web' } },
    });
    await until('the Deployment has adopted it', async () => {
      const { metadata } = await store.get('ReplicaSet', namespace, 'foster');
      return metadata.ownerReferences?.[0]?.name === 'web';
    });
    expect(namedOn(arena.scene, await store.get('ReplicaSet', namespace, 'foster'))).toMatchObject({
      custody: 'nobody',
    });
    for (const each of await store.list('Pod', namespace, { by: 'eve' })) expect(operatorOf(each)).toBe(EVE);
    await store.delete('ReplicaSet', namespace, 'foster');
  });

  it('a Deployment under the name of theirs that is gone is of whoever makes it', async () => {
    const { alice, store } = arena.scene;
    await apply(alice, namespace, workload('Deployment', 'again'));
    await store.untilPods(namespace, 'again', 1);
    const before = await store.get('Deployment', namespace, 'again');
    await kubectl(arena.eve, namespace, ['delete', 'deployment', 'again', '--cascade=orphan']);
    const { annotations } = before.metadata;
    await create(arena.eve, 'Deployment', {
      ...workload('Deployment', 'again', running('evil:1')),
      metadata: { name: 'again', annotations },
    });
    const pods = await store.untilPodsAre('Eve’s pod', namespace, 'again', (all) =>
      all.some((each) => imageOf(each) === 'evil:1'),
    );
    for (const each of pods)
      expect([operatorOf(each), imageOf(each)]).toEqual(
        imageOf(each) === 'evil:1' ? [EVE, 'evil:1'] : [ALICE, APP.image],
      );
  });

  it('pods of an old template, of which hundreds are under way, are not of whoever puts it right', async () => {
    const { alice, store } = arena.scene;
    await apply(alice, namespace, workload('ReplicaSet', 'burst', {}, { replicas: 0 }));
    const containers = [APP, { name: 'evil', image: 'evil:1' }];
    await patch(arena.eve, 'ReplicaSet', 'burst', { spec: { replicas: 120, template: { spec: { containers } } } });
    await store.untilPodsAre('the first pods', namespace, 'burst', (all) => all.length > 0);
    await patch(alice, 'ReplicaSet', 'burst', { spec: { replicas: 60, template: { spec: { containers: [APP] } } } });
    const pods = await store.untilPodsAre('pods of Alice', namespace, 'burst', (all) =>
      operatorsOf(all).includes(ALICE),
    );
    const names = new Set(
      pods.map((each) => `${operatorOf(each)} ${JSON.stringify(each.spec['containers']).includes('evil:1')}`),
    );
    expect([...names].filter((each) => each === `${ALICE} true`)).toEqual([]);
    await store.delete('ReplicaSet', namespace, 'burst');
  });

  describe('a ControllerRevision', () => {
    let revision: Stored;
    let owner: Stored;

    beforeAll(async () => {
      const { alice, store } = arena.scene;
      await apply(alice, namespace, workload('StatefulSet', 'db'));
      await store.untilPods(namespace, 'db', 1);
      [revision] = (await store.untilRevisions(namespace, 'db', 1)) as [Stored];
      owner = await store.get('StatefulSet', namespace, 'db');
    });

    it('is not written by whoever edits, and gains nothing from whoever may', async () => {
      const data = { spec: { template: { spec: running('evil:1') } } };
      const { name } = revision.metadata;
      expect(codeOf(await patch(arena.eve, 'ControllerRevision', name, { data }))).toMatch(/^403 .*cannot patch/);
      expect(codeOf(await patch(arena.mallory, 'ControllerRevision', name, { data }))).toMatch(/^422 /);
      expect(codeOf(await patch(arena.mallory, 'ControllerRevision', name, { metadata: controlledBy(set) }))).toBe(
        'OwnerChanged',
      );
    });

    it('that is planted in the place of theirs hands nothing on', async () => {
      const { name, labels = {}, annotations = {} } = revision.metadata;
      await patch(arena.mallory, 'StatefulSet', 'db', {
        spec: { updateStrategy: { rollingUpdate: { partition: 9 } } },
      });
      await arena.scene.store.delete('ControllerRevision', namespace, name);
      const data = structuredClone(revision.data) as { spec: { template: { metadata: { annotations?: object } } } };
      data.spec.template.metadata.annotations = { 'sidecar.istio.io/proxyImage': 'evil:1' };
      const planted = await create(arena.mallory, 'ControllerRevision', {
        revision: 1,
        data,
        metadata: { name, labels, annotations, ...controlledBy(owner) },
      });
      // Unless the controller was faster, which makes its own anew.
      if (planted.status === 201) {
        expect(planted.body.metadata.annotations?.[STAMP]).toBeUndefined();
        expect(planted.body.metadata.annotations?.[CUSTODY]).toBeUndefined();
      }
      await arena.mallory.api.call('DELETE', `${pathOf('Pod', namespace, 'db-0')}?gracePeriodSeconds=0`);
      const evidence = await until('a pod comes, or is refused', async () => {
        const pods = await arena.scene.store.list('Pod', namespace, { app: 'db' });
        const failures = (await arena.scene.store.failures(namespace)).filter(
          ({ involvedObject }) => involvedObject.name === 'db',
        );
        const alive = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        return (alive.length > 0 || failures.length > 0) && { alive };
      });
      for (const each of evidence.alive) {
        expect(each.metadata.annotations).not.toHaveProperty(['sidecar.istio.io/proxyImage']);
      }
    });
  });
});
