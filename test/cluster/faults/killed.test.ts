import { beforeAll, describe, expect, it } from 'vitest';
import { expectLineage, operatorsOf } from '../attribution/support/lineage.ts';
import { ALICE, apply, BOB, kubectl, useScene } from '../attribution/support/scene.ts';
import { imageOf, pathOf } from '../attribution/support/store.ts';
import { ONE_BY_ONE, running, workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';

const cluster = connect();

/** Controllers try again at growing intervals. */
const MINUTES = { timeoutMs: 100_000 };

describe.skipIf(cluster.unavailable)('when the webhook is killed in the middle', () => {
  const scene = useScene(cluster);
  let namespace: string;

  beforeAll(async () => {
    namespace = await scene.governed();
  });

  /** What the API server says when it calls in vain, in the words of a controller's event. */
  const untilCalledInVain = (about: string) =>
    until(
      `${about} is refused, as nobody can say whose it is`,
      async () =>
        (await scene.store.failures(namespace)).some(
          ({ message, involvedObject }) =>
            involvedObject.name.startsWith(about) && message.includes('failed calling webhook'),
        ),
      { timeoutMs: 30_000 },
    );

  const pods = (app: string) => scene.store.list('Pod', namespace, { app });

  it('of a rollout, it goes on by itself, and each pod has the name of who submitted its template', async () => {
    const deployment = (image: string) =>
      workload('Deployment', 'rollout', running(image), { replicas: 6, ...ONE_BY_ONE });
    await apply(scene.alice, namespace, deployment('app:1'));
    for (const pod of await scene.store.untilPods(namespace, 'rollout', 6)) await scene.store.setPhase(pod, 'Running');
    await apply(scene.bob, namespace, deployment('app:2'));
    const replaced = (count: number) =>
      scene.store.untilPodsAre(
        `${count} pods are replaced`,
        namespace,
        'rollout',
        (all) => all.filter((pod) => imageOf(pod) === 'app:2').length >= count,
        MINUTES,
      );
    // One is replaced when the one before it is ready, and nobody but this test makes any ready.
    for (let count = 1; count <= 3; count += 1) {
      for (const pod of await replaced(count)) if (imageOf(pod) === 'app:2') await scene.store.setPhase(pod, 'Running');
    }
    await replaced(4);
    await scene.countersign.process.kill();
    const standing = await pods('rollout');
    try {
      for (const pod of standing) await scene.store.setPhase(pod, 'Running');
      await untilCalledInVain('rollout');
      // An old one that goes meanwhile cannot be made anew either, and nothing is there without a name.
      const left = await pods('rollout');
      expect(left.length).toBeLessThan(7);
      expect(new Set(operatorsOf(left))).toEqual(new Set([ALICE, BOB]));
    } finally {
      await scene.countersign.process.start();
    }
    for (let count = 5; count <= 6; count += 1) {
      for (const pod of await replaced(count)) if (imageOf(pod) === 'app:2') await scene.store.setPhase(pod, 'Running');
    }
    const done = await scene.store.untilPodsAre(
      'the rollout is over',
      namespace,
      'rollout',
      (all) => all.length === 6 && all.every((pod) => imageOf(pod) === 'app:2'),
      MINUTES,
    );
    for (const pod of done) await expectLineage(scene, pod, BOB);
    const stamped = await scene.store.get('Deployment', namespace, 'rollout');
    expect(await scene.store.childrenOf(stamped, 'ReplicaSet')).toHaveLength(2);
  });

  it.each([1, 2, 3])('of a Job of 20, all 20 come, and none without a name (%i)', async (round) => {
    const name = `job-${round}`;
    await scene.alice.api.call('POST', pathOf('Job', namespace), {
      body: workload('Job', name, {}, { parallelism: 20, completions: 20, backoffLimit: 100 }),
    });
    // At another moment in each round: its controller makes 1, 2, 4, 8 and 5 at a time.
    await until('there are pods', async () => (await pods(name)).length >= 2 ** round - 1, { everyMs: 5 });
    await scene.countersign.process.kill();
    const made = await pods(name);
    try {
      if (made.length < 20) await untilCalledInVain(name);
      expect(new Set(operatorsOf(await pods(name)))).toEqual(new Set([ALICE]));
    } finally {
      await scene.countersign.process.start();
    }
    const all = await scene.store.untilPods(namespace, name, 20, MINUTES);
    for (const pod of all) await expectLineage(scene, pod, ALICE);
  });

  it('what a person applies meanwhile is refused, and applied again it is theirs', async () => {
    await scene.countersign.process.kill();
    try {
      const { status, stderr } = await scene.alice.kubectl(
        ['-n', namespace, 'create', '-f', '-'],
        JSON.stringify(workload('Job', 'meanwhile')),
      );
      expect({ status, stderr }).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('failed calling webhook "workloads.countersign.dev"') as string,
      });
      // What changes nobody's name needs nobody.
      await kubectl(scene.bob, namespace, ['label', 'deployment', 'rollout', 'seen=yes']);
      await kubectl(scene.bob, namespace, ['scale', 'deployment', 'rollout', '--replicas=5']);
    } finally {
      await scene.countersign.process.start();
    }
    await apply(scene.alice, namespace, workload('Job', 'meanwhile'));
    for (const pod of await scene.store.untilPods(namespace, 'meanwhile', 1)) await expectLineage(scene, pod, ALICE);
  });
});
