import { beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { expectCustody, expectLineage, expectStamped, operatorOf, operatorsOf } from './support/lineage.ts';
import { ALICE, apply, BOB, kubectl, useScene } from './support/scene.ts';
import { imageOf, type Stored } from './support/store.ts';
import { AT_ONCE, ONE_BY_ONE, running, workload } from './support/workloads.ts';

const cluster = connect();

const APP = 'agent';

describe.skipIf(cluster.unavailable)('when two people change one Deployment in turn', () => {
  const scene = useScene(cluster);
  let namespace: string;

  beforeEach(async () => {
    namespace = await scene.governed();
  });

  const deployment = (image: string, more: object): ReturnType<typeof workload> =>
    workload('Deployment', APP, running(image), { replicas: 2, ...more });

  const submit = (who: 'alice' | 'bob', image: string, more: object = AT_ONCE): Promise<string> =>
    apply(scene[who], namespace, deployment(image, more));

  const rollout = (who: 'alice' | 'bob', ...args: string[]): Promise<string> =>
    kubectl(scene[who], namespace, ['rollout', ...args, `deployment/${APP}`]);

  /** The pods when there are as many of each image as wanted. */
  function untilRunning(wanted: Readonly<Record<string, number>>): Promise<readonly Stored[]> {
    const lines = Object.entries(wanted).flatMap(([image, count]) => Array.from({ length: count }, () => image));
    const sorted = lines.toSorted().join(' ');
    return scene.store.untilPodsAre(`pods run ${sorted}`, namespace, APP, (pods) => {
      return pods.map(imageOf).toSorted().join(' ') === sorted;
    });
  }

  /** The pods that were not there before. */
  async function untilReplaced(before: readonly Stored[]): Promise<readonly Stored[]> {
    const gone = new Set(before.map(({ metadata }) => metadata.uid));
    return scene.store.untilPodsAre('all pods are replaced', namespace, APP, (pods) => {
      return pods.length === before.length && pods.every(({ metadata }) => !gone.has(metadata.uid));
    });
  }

  const deploymentNow = (): Promise<Stored> => scene.store.get('Deployment', namespace, APP);

  it('each pod carries the name of who submitted its template, while both templates run', async () => {
    await submit('alice', 'app:1', ONE_BY_ONE);
    await untilRunning({ 'app:1': 2 });
    await submit('bob', 'app:2', ONE_BY_ONE);
    const pods = await untilRunning({ 'app:1': 2, 'app:2': 1 });
    for (const pod of pods) await expectLineage(scene, pod, imageOf(pod) === 'app:1' ? ALICE : BOB, BOB);
  });

  it('also when the rollout goes pod by pod to its end', async () => {
    await submit('alice', 'app:1', ONE_BY_ONE);
    for (const pod of await untilRunning({ 'app:1': 2 })) await scene.store.setPhase(pod, 'Running');
    await submit('bob', 'app:2', ONE_BY_ONE);
    const names = new Set<string>();
    await scene.store.untilPodsAre('only pods of the new template are left', namespace, APP, async (pods) => {
      for (const pod of pods) {
        names.add(`${imageOf(pod)} ${operatorOf(pod)}`);
        if (pod.status?.['phase'] !== 'Running') await scene.store.setPhase(pod, 'Running');
      }
      return pods.length === 2 && pods.every((pod) => imageOf(pod) === 'app:2');
    });
    expect([...names].toSorted()).toEqual([`app:1 ${ALICE}`, `app:2 ${BOB}`]);
  });

  it('a pod of the old template that is deleted in mid-rollout comes back with the old name', async () => {
    await submit('alice', 'app:1', ONE_BY_ONE);
    await untilRunning({ 'app:1': 2 });
    await submit('bob', 'app:2', ONE_BY_ONE);
    const before = await untilRunning({ 'app:1': 2, 'app:2': 1 });
    const old = before.find((pod) => imageOf(pod) === 'app:1');
    await kubectl(scene.bob, namespace, ['delete', 'pod', old?.metadata.name ?? '']);
    const after = await scene.store.untilPodsAre('the pod is back', namespace, APP, (pods) => {
      return pods.length === 3 && pods.every(({ metadata }) => metadata.uid !== old?.metadata.uid);
    });
    for (const pod of after) await expectLineage(scene, pod, imageOf(pod) === 'app:1' ? ALICE : BOB, BOB);
  });

  it('who undoes a rollout submits: the pods carry that name, though their ReplicaSet is somebody else’s', async () => {
    await submit('alice', 'app:1');
    await untilRunning({ 'app:1': 2 });
    await submit('bob', 'app:2');
    await untilRunning({ 'app:2': 2 });
    await rollout('bob', 'undo');
    const pods = await untilRunning({ 'app:1': 2 });
    for (const pod of pods) await expectLineage(scene, pod, BOB);
    expectStamped(scene, await deploymentNow(), BOB);
  });

  it('and who takes the undoing back', async () => {
    await submit('alice', 'app:1');
    await untilRunning({ 'app:1': 2 });
    await submit('bob', 'app:2');
    await untilRunning({ 'app:2': 2 });
    for (const [who, operator, image] of [
      ['bob', BOB, 'app:1'],
      ['alice', ALICE, 'app:2'],
      ['alice', ALICE, 'app:1'],
      ['bob', BOB, 'app:2'],
    ] as const) {
      await rollout(who, 'undo');
      for (const pod of await untilRunning({ [image]: 2 })) await expectLineage(scene, pod, operator);
    }
  });

  it('who restarts it submits, though nothing of what runs differs', async () => {
    await submit('alice', 'app:1');
    const before = await untilRunning({ 'app:1': 2 });
    await rollout('bob', 'restart');
    for (const pod of await untilReplaced(before)) await expectLineage(scene, pod, BOB);
  });

  it('who scales it does not', async () => {
    await submit('alice', 'app:1');
    await untilRunning({ 'app:1': 2 });
    await kubectl(scene.bob, namespace, ['scale', `deployment/${APP}`, '--replicas=4']);
    const pods = await untilRunning({ 'app:1': 4 });
    for (const pod of pods) await expectLineage(scene, pod, ALICE);
    expectStamped(scene, await deploymentNow(), ALICE);
  });

  it('who scales it by a patch does not, and neither does who labels it', async () => {
    await submit('alice', 'app:1');
    await untilRunning({ 'app:1': 2 });
    const patch = JSON.stringify({ metadata: { labels: { team: 'a' } }, spec: { replicas: 3 } });
    await kubectl(scene.bob, namespace, ['patch', 'deployment', APP, '--patch', patch]);
    const pods = await untilRunning({ 'app:1': 3 });
    expect(operatorsOf(pods)).toEqual([ALICE, ALICE, ALICE]);
    expectStamped(scene, await deploymentNow(), ALICE);
  });

  it('who changes it while it is paused submits, whoever resumes it', async () => {
    await submit('alice', 'app:1');
    await untilRunning({ 'app:1': 2 });
    await rollout('bob', 'pause');
    await kubectl(scene.alice, namespace, ['set', 'image', `deployment/${APP}`, 'app=app:2']);
    expectStamped(scene, await deploymentNow(), ALICE);
    await rollout('bob', 'resume');
    for (const pod of await untilRunning({ 'app:2': 2 })) await expectLineage(scene, pod, ALICE);
  });

  it('who changes only labels of the pods submits them', async () => {
    await submit('alice', 'app:1');
    const before = await untilRunning({ 'app:1': 2 });
    const patch = JSON.stringify({ spec: { template: { metadata: { labels: { more: 'x' } } } } });
    await kubectl(scene.bob, namespace, ['patch', 'deployment', APP, '--patch', patch]);
    for (const pod of await untilReplaced(before)) await expectLineage(scene, pod, BOB);
  });

  it('what somebody puts into the two annotations does not count, and is no reason to refuse', async () => {
    await submit('alice', 'app:1');
    await untilRunning({ 'app:1': 2 });
    const [replicaSet] = await scene.store.list('ReplicaSet', namespace);
    const { metadata } = await deploymentNow();
    const taken = { ...replicaSet?.metadata.annotations };
    for (const annotations of [
      { 'countersign.dev/stamp': 'x', 'countersign.dev/custody': 'x' },
      { 'countersign.dev/stamp': '', 'countersign.dev/custody': taken['countersign.dev/custody'] ?? '' },
    ]) {
      const patch = JSON.stringify({ metadata: { annotations } });
      await kubectl(scene.bob, namespace, ['patch', 'deployment', APP, '--type=merge', '--patch', patch]);
      expect((await deploymentNow()).metadata.annotations).toEqual(metadata.annotations);
    }
    await kubectl(scene.bob, namespace, ['annotate', 'deployment', APP, 'countersign.dev/stamp-']);
    expect((await deploymentNow()).metadata.annotations).toEqual(metadata.annotations);
    // Nor on a ReplicaSet.
    const patch = JSON.stringify({ metadata: { annotations: { 'countersign.dev/custody': 'x' } } });
    const name = replicaSet?.metadata.name ?? '';
    await kubectl(scene.bob, namespace, ['patch', 'replicaset', name, '--type=merge', '--patch', patch]);
    const pods = await untilRunning({ 'app:1': 2 });
    expect(operatorsOf(pods)).toEqual([ALICE, ALICE]);
    await kubectl(scene.bob, namespace, ['delete', 'pod', pods[0]?.metadata.name ?? '']);
    const after = await scene.store.untilPodsAre('the pod is back', namespace, APP, (now) => {
      return now.length === 2 && now.every(({ metadata }) => metadata.uid !== pods[0]?.metadata.uid);
    });
    expect(operatorsOf(after)).toEqual([ALICE, ALICE]);
  });

  it('a ReplicaSet keeps saying for whom it was made, when the Deployment has moved on', async () => {
    await submit('alice', 'app:1');
    await untilRunning({ 'app:1': 2 });
    await submit('bob', 'app:2');
    await untilRunning({ 'app:2': 2 });
    const top = await deploymentNow();
    const [old, current] = (await scene.store.childrenOf(top, 'ReplicaSet')).toSorted((one, other) =>
      revisionOf(one).localeCompare(revisionOf(other)),
    );
    if (old === undefined || current === undefined) throw new Error('there are not two ReplicaSets');
    expectCustody(scene, old, ALICE, top);
    expectCustody(scene, current, BOB, top);
  });
});

function revisionOf({ metadata }: Stored): string {
  return metadata.annotations?.['deployment.kubernetes.io/revision'] ?? '';
}
