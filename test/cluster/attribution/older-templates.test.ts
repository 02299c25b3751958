import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { expectLineage, expectStamped, operatorsOf } from './support/lineage.ts';
import { addPaperNode, ON_PAPER, type PaperNode } from './support/node.ts';
import { ALICE, apply, BOB, kubectl, useScene } from './support/scene.ts';
import { imageOf, type Stored } from './support/store.ts';
import { running, workload } from './support/workloads.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('a pod of an older template than the one that stands in the object', () => {
  const scene = useScene(cluster);
  let namespace: string;
  let node: PaperNode;

  beforeAll(async () => {
    namespace = await scene.governed();
    node = await addPaperNode(scene.countersign.admin, `older-${namespace}`);
  });
  afterAll(() => node?.remove());

  /** Deletes a pod and waits for the one that takes its place. */
  async function recreated(app: string, pod: Stored): Promise<Stored> {
    const before = new Set((await scene.store.list('Pod', namespace, { app })).map(({ metadata }) => metadata.uid));
    const isNew = ({ metadata }: Stored) => !before.has(metadata.uid);
    await kubectl(scene.bob, namespace, ['delete', 'pod', pod.metadata.name]);
    const what = `pod ${pod.metadata.name} is replaced`;
    const pods = await scene.store.untilPodsAre(what, namespace, app, (pods) => pods.some(isNew));
    const found = pods.find(isNew);
    if (found === undefined) throw new Error('there is no pod');
    return found;
  }

  describe('of a StatefulSet with a partition', () => {
    const statefulSet = (image: string, partition: number, more: object = {}) =>
      workload('StatefulSet', 'partitioned', running(image), {
        replicas: 2,
        podManagementPolicy: 'Parallel',
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
        ...more,
      });

    const untilImages = (...images: string[]): Promise<readonly Stored[]> =>
      scene.store.untilPodsAre(`pods run ${images.join(' and ')}`, namespace, 'partitioned', (pods) => {
        return pods.length === 2 && images.every((image, index) => imageOf(named(pods, index)) === image);
      });

    const named = (pods: readonly Stored[], index: number): Stored => {
      const pod = pods.find(({ metadata }) => metadata.name === `partitioned-${index}`);
      if (pod === undefined) throw new Error(`there is no partitioned-${index}`);
      return pod;
    };

    it('has the older name, also when it is made anew; the others have the newer one', async () => {
      await apply(scene.alice, namespace, statefulSet('app:1', 0));
      for (const pod of await untilImages('app:1', 'app:1')) await scene.store.setPhase(pod, 'Running');
      await apply(scene.bob, namespace, statefulSet('app:2', 1));
      const pods = await untilImages('app:1', 'app:2');
      await expectLineage(scene, named(pods, 0), ALICE, BOB);
      await expectLineage(scene, named(pods, 1), BOB);

      const older = await recreated('partitioned', named(pods, 0));
      expect(imageOf(older)).toBe('app:1');
      await expectLineage(scene, older, ALICE, BOB);
      const newer = await recreated('partitioned', named(pods, 1));
      expect(imageOf(newer)).toBe('app:2');
      await expectLineage(scene, newer, BOB);
      expectStamped(scene, await scene.store.get('StatefulSet', namespace, 'partitioned'), BOB);
    });

    it('goes back to its submitter’s template by the name of who goes back', async () => {
      // Kubernetes finds the revision of app:1, which carries Alice's stamp, and bumps its number.
      await kubectl(scene.bob, namespace, ['rollout', 'undo', 'statefulset/partitioned']);
      const top = await scene.store.get('StatefulSet', namespace, 'partitioned');
      expectStamped(scene, top, BOB);
      await kubectl(scene.bob, namespace, ['delete', 'pod', '-l', 'app=partitioned']);
      for (const pod of await untilImages('app:1', 'app:1')) await expectLineage(scene, pod, BOB);
    });

    it('and that name stays with it when somebody else submits the next template', async () => {
      await apply(scene.alice, namespace, statefulSet('app:3', 2));
      const pods = await untilImages('app:1', 'app:1');
      await expectLineage(scene, await recreated('partitioned', named(pods, 0)), BOB, ALICE);
    });
  });

  describe('of a DaemonSet that replaces pods when somebody deletes them', () => {
    const daemonSet = (image: string) =>
      workload(
        'DaemonSet',
        'on-delete',
        { ...running(image), ...ON_PAPER, nodeSelector: node.selector },
        { updateStrategy: { type: 'OnDelete' } },
      );

    it('stays as it is, and the next one has the newer name', async () => {
      await apply(scene.alice, namespace, daemonSet('app:1'));
      const [first] = (await scene.store.untilPods(namespace, 'on-delete', 1)) as [Stored];
      await expectLineage(scene, first, ALICE);
      await apply(scene.bob, namespace, daemonSet('app:2'));
      expectStamped(scene, await scene.store.get('DaemonSet', namespace, 'on-delete'), BOB);
      // Bob's template has a revision of its own by now, so the controller has seen it.
      await scene.store.untilRevisions(namespace, 'on-delete', 2);
      const untouched = await scene.store.untilPods(namespace, 'on-delete', 1);
      expect(untouched.map(({ metadata }) => metadata.uid)).toEqual([first.metadata.uid]);
      expect(operatorsOf(untouched)).toEqual([ALICE]);

      const next = await recreated('on-delete', first);
      expect(imageOf(next)).toBe('app:2');
      await expectLineage(scene, next, BOB);
    });
  });

  it('of a DaemonSet that is rolled back is replaced by one with the name of who did that', async () => {
    const daemonSet = (image: string) =>
      workload(
        'DaemonSet',
        'rolled-back',
        { ...running(image), ...ON_PAPER, nodeSelector: node.selector },
        { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } } },
      );
    const untilRunning = (image: string): Promise<readonly Stored[]> =>
      scene.store.untilPodsAre(`the pod runs ${image}`, namespace, 'rolled-back', (pods) => {
        return pods.length === 1 && pods.map(imageOf).join('') === image;
      });
    await apply(scene.alice, namespace, daemonSet('app:1'));
    await untilRunning('app:1');
    await apply(scene.bob, namespace, daemonSet('app:2'));
    for (const pod of await untilRunning('app:2')) await expectLineage(scene, pod, BOB);
    await kubectl(scene.bob, namespace, ['rollout', 'undo', 'daemonset/rolled-back']);
    for (const pod of await untilRunning('app:1')) await expectLineage(scene, pod, BOB);
  });
});
