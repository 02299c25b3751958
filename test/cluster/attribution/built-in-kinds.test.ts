import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APP, podWith } from '../admission/support/pods.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectCustody, expectLineage, expectStamped, operatorsOf, referenceTo, STAMP } from './support/lineage.ts';
import { addPaperNode, ON_PAPER, type PaperNode } from './support/node.ts';
import { ALICE, apply, BOB, kubectl, useScene } from './support/scene.ts';
import { verified } from './support/statements.ts';
import { asPod, controllerOf, type Kind, type Stored } from './support/store.ts';
import { running, type Templated, workload } from './support/workloads.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('the name of who submitted a workload arrives at its pods', () => {
  const scene = useScene(cluster);
  let namespace: string;
  let node: PaperNode;

  beforeAll(async () => {
    namespace = await scene.governed();
    node = await addPaperNode(scene.countersign.admin, `paper-${namespace}`);
    // Whose controller needs up to a minute; its test is the last one.
    const everyMinute = workload('CronJob', 'every-minute', {}, { schedule: '* * * * *' });
    await apply(scene.alice, namespace, everyMinute);
  });
  afterAll(() => node?.remove());

  /** Applies it as Alice, and returns it and its pods. */
  async function submitted(kind: Templated, name: string, pod: object = {}, more: object = {}, count = 1) {
    await apply(scene.alice, namespace, workload(kind, name, pod, more));
    const pods = await scene.store.untilPods(namespace, name, count);
    return { object: await scene.store.get(kind, namespace, name), pods };
  }

  const kindsOf = (passed: readonly Stored[]): readonly Kind[] => passed.map(({ kind }) => kind);

  it('a pod', async () => {
    const { metadata } = await scene.alice.created(namespace, podWith());
    const pod = await scene.store.get('Pod', namespace, metadata?.name ?? '');
    expect(await expectLineage(scene, pod, ALICE)).toEqual([pod]);
  });

  it.each<[Templated, number, object]>([
    ['ReplicationController', 2, { replicas: 2 }],
    ['ReplicaSet', 2, { replicas: 2 }],
    ['StatefulSet', 2, { replicas: 2, podManagementPolicy: 'Parallel' }],
    ['Job', 2, { parallelism: 2, completions: 2 }],
  ])('a %s', async (kind, count, more) => {
    const name = `plain-${kind.toLowerCase()}`;
    const { object, pods } = await submitted(kind, name, {}, more, count);
    expectStamped(scene, object, ALICE);
    for (const pod of pods) {
      expect(kindsOf(await expectLineage(scene, pod, ALICE))).toEqual(['Pod', kind]);
    }
  });

  it('a Deployment, through its ReplicaSet', async () => {
    const { object, pods } = await submitted('Deployment', 'deployment', {}, { replicas: 2 }, 2);
    for (const pod of pods) {
      const [, replicaSet, top] = await expectLineage(scene, pod, ALICE);
      expect([replicaSet?.kind, top?.metadata.uid]).toEqual(['ReplicaSet', object.metadata.uid]);
    }
    const [replicaSet] = await scene.store.childrenOf(object, 'ReplicaSet');
    if (replicaSet === undefined) throw new Error('there is no ReplicaSet');
    const custody = expectCustody(scene, replicaSet, ALICE, object);
    expect(custody.root).toEqual(referenceTo(object));
  });

  it('a DaemonSet', async () => {
    const { object, pods } = await submitted('DaemonSet', 'daemonset', { ...ON_PAPER, nodeSelector: node.selector });
    expectStamped(scene, object, ALICE);
    for (const pod of pods) expect(kindsOf(await expectLineage(scene, pod, ALICE))).toEqual(['Pod', 'DaemonSet']);
  });

  it('a CronJob whose Job somebody else creates: that somebody', async () => {
    await apply(scene.alice, namespace, workload('CronJob', 'by-hand'));
    await kubectl(scene.bob, namespace, ['create', 'job', 'by-bob', '--from=cronjob/by-hand']);
    const [pod] = await scene.store.untilPods(namespace, 'by-hand', 1);
    if (pod === undefined) throw new Error('there is no pod');
    expect(kindsOf(await expectLineage(scene, pod, BOB))).toEqual(['Pod', 'Job']);
    expectStamped(scene, await scene.store.get('Job', namespace, 'by-bob'), BOB);
  });

  describe('also where the controller adds to the template:', () => {
    it('an indexed Job', async () => {
      const more = { parallelism: 2, completions: 2, completionMode: 'Indexed' };
      const pod = { initContainers: [{ ...APP, name: 'first' }], subdomain: 'indexed' };
      const { pods } = await submitted('Job', 'indexed', pod, more, 2);
      for (const pod of pods) await expectLineage(scene, pod, ALICE);
      expect(pods.map((pod) => asPod(pod).spec?.hostname ?? '').toSorted()).toEqual(['indexed-0', 'indexed-1']);
    });

    it('a StatefulSet with claims for volumes, one of which the template has too', async () => {
      const claim = (name: string) => ({
        metadata: { name },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      });
      const mounts = ['data', 'more'].map((name) => ({ name, mountPath: `/${name}` }));
      const pod = {
        containers: [{ ...APP, volumeMounts: mounts }],
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'own', emptyDir: {} },
        ],
      };
      const more = { volumeClaimTemplates: [claim('data'), claim('more')] };
      const { pods } = await submitted('StatefulSet', 'claims', pod, more);
      for (const pod of pods) {
        await expectLineage(scene, pod, ALICE);
        const claimed = asPod(pod).spec?.volumes?.filter((volume) => volume.persistentVolumeClaim !== undefined);
        expect((claimed ?? []).map(({ name }) => name).toSorted()).toEqual(['data', 'more']);
      }
    });

    it('a DaemonSet whose affinity for nodes is replaced', async () => {
      const expressions = Object.keys(node.selector).map((key) => ({ key, operator: 'Exists' }));
      const pod = {
        ...ON_PAPER,
        nodeSelector: node.selector,
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: expressions }] },
          },
        },
      };
      const { pods } = await submitted('DaemonSet', 'affinity', pod);
      for (const pod of pods) await expectLineage(scene, pod, ALICE);
    });

    it('a Deployment on host ports, with tolerations and requests that get defaults', async () => {
      const app = {
        ...APP,
        ports: [{ containerPort: 8080 }],
        resources: { limits: { cpu: '0.5', memory: '128Mi' } },
        livenessProbe: { httpGet: { port: 8080 } },
      };
      const pod = { containers: [app], tolerations: [{ key: 'x', operator: 'Exists' }], priorityClassName: '' };
      const { pods } = await submitted('Deployment', 'defaults', pod);
      for (const pod of pods) await expectLineage(scene, pod, ALICE);
    });
  });

  it('a name that a workload’s author claims as their own', async () => {
    const env = [{ name: 'FAB_OPERATOR', value: ALICE }];
    const { pods } = await submitted('Job', 'claimed', { containers: [{ ...APP, env }] });
    for (const pod of pods) await expectLineage(scene, pod, ALICE);
  });

  it('a workload of which only the name’s beginning is known when it is submitted', async () => {
    const { metadata, ...rest } = workload('Deployment', 'generated');
    const manifest = { ...rest, metadata: { ...metadata, name: undefined, generateName: 'generated-' } };
    await kubectl(scene.alice, namespace, ['create', '-f', '-'], JSON.stringify(manifest));
    const [pod] = await scene.store.untilPods(namespace, 'generated', 1);
    if (pod === undefined) throw new Error('there is no pod');
    const [, , top] = await expectLineage(scene, pod, ALICE);
    expect(top?.metadata.name).toMatch(/^generated-./);
    expect(verified(top?.metadata.annotations?.[STAMP], scene.keys).holder).toEqual({
      group: 'apps',
      kind: 'Deployment',
      generateName: 'generated-',
    });
  });

  it('a pod that replaces one', async () => {
    const { pods } = await submitted('ReplicaSet', 'replaced');
    const [{ metadata }] = pods as [Stored];
    await kubectl(scene.bob, namespace, ['delete', 'pod', metadata.name]);
    const others = await scene.store.untilPodsAre('another pod', namespace, 'replaced', (pods) => {
      return pods.length === 1 && pods[0]?.metadata.uid !== metadata.uid;
    });
    for (const pod of others) await expectLineage(scene, pod, ALICE);
  });

  it('a pod that somebody takes out of its ReplicaSet, and the one that takes its place', async () => {
    const { object, pods } = await submitted('ReplicaSet', 'relabelled');
    const [{ metadata }] = pods as [Stored];
    await kubectl(scene.bob, namespace, ['label', 'pod', metadata.name, 'app=debugged', '--overwrite']);
    const released = await until('the pod belongs to nobody', async () => {
      const pod = await scene.store.get('Pod', namespace, metadata.name);
      return controllerOf(pod) === undefined && pod;
    });
    expect(operatorsOf([released])).toEqual([ALICE]);
    const [next] = (await scene.store.untilPods(namespace, 'relabelled', 1)) as [Stored];
    const [, owner] = await expectLineage(scene, next, ALICE);
    expect(owner?.metadata.uid).toBe(object.metadata.uid);
  });

  it('a Job that comes to its end, with all the updates of pods that it takes', async () => {
    const { pods } = await submitted('Job', 'to-its-end', {}, { completions: 1 });
    for (const pod of pods) await scene.store.setPhase(pod, 'Succeeded');
    await until('the Job is complete', async () => {
      const { status } = await scene.store.get('Job', namespace, 'to-its-end');
      const conditions = (status?.['conditions'] ?? []) as { type: string; status: string }[];
      return conditions.some(({ type, status }) => type === 'Complete' && status === 'True');
    });
    const [{ metadata }] = pods as [Stored];
    const after = await scene.store.get('Pod', namespace, metadata.name);
    expect((after.metadata.finalizers ?? []).join()).toBe('');
    await expectLineage(scene, after, ALICE);
  });

  it('the one who changed a template last, in pods that are made from then on', async () => {
    const { pods } = await submitted('ReplicationController', 'changed');
    await apply(scene.bob, namespace, workload('ReplicationController', 'changed', running('app:2'), { replicas: 2 }));
    const both = await scene.store.untilPods(namespace, 'changed', 2);
    const older = both.filter(({ metadata }) => pods.some((pod) => pod.metadata.uid === metadata.uid));
    expect(operatorsOf(older)).toEqual([ALICE]);
    expect(operatorsOf(both).toSorted()).toEqual([ALICE, BOB]);
  });

  it('a CronJob that makes its Job by itself', async () => {
    const cronJob = await scene.store.get('CronJob', namespace, 'every-minute');
    const pod = await until(
      'the CronJob has made a pod',
      async () => (await scene.store.list('Pod', namespace, { app: 'every-minute' }))[0],
      { timeoutMs: 90_000, everyMs: 500 },
    );
    const [, job, top] = await expectLineage(scene, pod, ALICE);
    expect([job?.kind, top?.metadata.uid]).toEqual(['Job', cronJob.metadata.uid]);
    if (job !== undefined) expectCustody(scene, job, ALICE, top);
  });
});
