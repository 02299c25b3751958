import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectLineage, expectStamped } from './support/lineage.ts';
import { addPaperNode, ON_PAPER, type PaperNode } from './support/node.ts';
import { apply, BOB, kubectl, useScene } from './support/scene.ts';
import type { Stored } from './support/store.ts';
import { type Manifest, workload } from './support/workloads.ts';

const cluster = connect();

/** Controllers try again at growing intervals; the change of the object that adopts it sets them off at once. */
const MINUTE = { timeoutMs: 75_000 };

const RUNNING = ['ReplicationController', 'ReplicaSet', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job'] as const;
type Running = (typeof RUNNING)[number];

describe.skipIf(cluster.unavailable)('a workload that is older than its namespace’s policy', () => {
  const scene = useScene(cluster);
  let namespace: string;
  let node: PaperNode;
  const before = new Map<Running, Stored>();

  const nameOf = (kind: Running): string => `old-${kind.toLowerCase()}`;
  const manifest = (kind: Running): Manifest =>
    workload(kind, nameOf(kind), kind === 'DaemonSet' ? { ...ON_PAPER, nodeSelector: node.selector } : {});

  beforeAll(async () => {
    namespace = await scene.ungoverned();
    node = await addPaperNode(scene.countersign.admin, `before-${namespace}`);
    for (const kind of RUNNING) await apply(scene.alice, namespace, manifest(kind));
    for (const kind of RUNNING) {
      await scene.store.untilPods(namespace, nameOf(kind), 1);
      before.set(kind, await scene.store.get(kind, namespace, nameOf(kind)));
    }
    await apply(scene.alice, namespace, workload('CronJob', 'nightly', {}, { schedule: '* * * * *', suspend: true }));
    await scene.govern(namespace);
    // It does not count that it would like to; the test of it is the last one.
    const robot = await scene.countersign.serviceAccount(await scene.ungoverned(), 'robot');
    const resume = JSON.stringify({ spec: { suspend: false } });
    await kubectl(robot, namespace, ['patch', 'cronjob', 'nightly', '--patch', resume]);
  });
  afterAll(() => node?.remove());

  it.each(RUNNING)(
    '(%s) keeps its pods, gets no new one, and says so; once a human adopts it, it does',
    async (kind) => {
      const name = nameOf(kind);
      const [pod] = (await scene.store.untilPods(namespace, name, 1)) as [Stored];
      await kubectl(scene.alice, namespace, ['delete', 'pod', pod.metadata.name]);
      const event = await failure(name);
      expect(event).toContain('[OwnerNotAttributed]');
      expect(await scene.store.list('Pod', namespace, { app: name })).toEqual([]);

      // Pods of a Deployment belong to its ReplicaSet; what people adopt is what stands in their own manifests.
      const command = commandIn(event);
      expect(command).toContain(` annotate ${kind.toLowerCase()}/${name} `);
      await kubectl(scene.bob, namespace, command.split(' ').slice(1));
      const adopted = await scene.store.get(kind, namespace, name);
      expectStamped(scene, adopted, BOB);
      expect(adopted.spec).toEqual(before.get(kind)?.spec);
      const pods = await scene.store.untilPods(namespace, name, 1, MINUTE);
      for (const each of pods) await expectLineage(scene, each, BOB);
    },
  );

  it('is adopted without a new revision', async () => {
    const deployment = await scene.store.get('Deployment', namespace, nameOf('Deployment'));
    expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    expect(await scene.store.childrenOf(deployment, 'ReplicaSet')).toHaveLength(1);
    expect(await scene.store.untilRevisions(namespace, nameOf('StatefulSet'), 1)).toHaveLength(1);
    expect(await scene.store.untilRevisions(namespace, nameOf('DaemonSet'), 1)).toHaveLength(1);
  });

  it('shows the refusal where people look: in the Deployment’s conditions', async () => {
    const other = await scene.ungoverned();
    await apply(scene.alice, other, workload('Deployment', 'shown'));
    const [pod] = (await scene.store.untilPods(other, 'shown', 1)) as [Stored];
    await scene.govern(other);
    await kubectl(scene.alice, other, ['delete', 'pod', pod.metadata.name]);
    const condition = await until('the Deployment says why', async () => {
      const { status } = await scene.store.get('Deployment', other, 'shown');
      const conditions = (status?.['conditions'] ?? []) as { type: string; reason: string; message: string }[];
      return conditions.find(({ type }) => type === 'ReplicaFailure');
    });
    expect(condition.reason).toBe('FailedCreate');
    expect(condition.message).toContain('[OwnerNotAttributed]');
  });

  it('is not adopted by somebody whom the policy does not know', async () => {
    const other = await scene.ungoverned();
    await apply(scene.alice, other, workload('Deployment', 'strange', {}, { replicas: 0 }));
    await scene.govern(other);
    const robot = await scene.countersign.serviceAccount(await scene.ungoverned(), 'robot');
    await kubectl(robot, other, ['scale', 'deployment/strange', '--replicas=1']);
    const { metadata } = await scene.store.get('Deployment', other, 'strange');
    expect(JSON.stringify(metadata.annotations)).not.toContain('countersign.dev/');
    expect(await failure('strange', other)).toContain('[OwnerNotAttributed]');
  });

  it('is not adopted by a service account that resumes it, and its controller makes nothing until it is', async () => {
    // It may take a minute until it is time for a Job.
    const event = await failure('nightly');
    expect(event).toContain('[OwnerNotAttributed]');
    expect((await scene.store.list('Job', namespace)).map(({ metadata }) => metadata.name)).toEqual([nameOf('Job')]);
    await kubectl(scene.bob, namespace, commandIn(event).split(' ').slice(1));
    const [pod] = (await scene.store.untilPods(namespace, 'nightly', 1, MINUTE)) as [Stored];
    await expectLineage(scene, pod, BOB);
  });

  /** What the controller says of what it could not make, in an event of whatever object it makes it for. */
  function failure(app: string, where = namespace): Promise<string> {
    return until(
      `an event tells why nothing is made for ${app}`,
      async () => {
        const found = (await scene.store.failures(where)).find(({ involvedObject, message }) => {
          const about = involvedObject.name === app || involvedObject.name.startsWith(`${app}-`);
          return about && message.includes('countersign.dev');
        });
        return found?.message;
      },
      MINUTE,
    );
  }
});

/** The command that a message tells people to run. */
function commandIn(message: string): string {
  const [command] = /kubectl .*$/.exec(message) ?? [];
  if (command === undefined) throw new Error(`no command: ${message}`);
  return command;
}
