import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { expectStamped, operatorsOf } from './support/lineage.ts';
import { addPaperNode, ON_PAPER } from './support/node.ts';
import { ALICE, apply, kubectl, useScene } from './support/scene.ts';
import type { Stored } from './support/store.ts';
import { type Manifest, TEMPLATED, type Templated, workload } from './support/workloads.ts';
import { untilQuiet } from './support/writes.ts';

const cluster = connect();

/** No pods, where there can be none: what is compared here are the workloads. */
const IDLE: Readonly<Record<Templated, object>> = {
  ReplicationController: { replicas: 0 },
  ReplicaSet: { replicas: 0 },
  Deployment: { replicas: 0 },
  StatefulSet: { replicas: 0 },
  DaemonSet: {},
  Job: { parallelism: 0 },
  CronJob: {},
};

const SERVER_SIDE = ['--server-side', '--field-manager=test'];

describe.skipIf(cluster.unavailable)('a manifest that is applied twice', () => {
  const scene = useScene(cluster);
  let governed: string;
  let ungoverned: string;

  const manifest = (kind: Templated, name: string): Manifest =>
    workload(kind, name, kind === 'DaemonSet' ? ON_PAPER : {}, IDLE[kind]);

  const stored = (namespace: string, kind: Templated, name: string): Promise<Stored> =>
    scene.store.get(kind, namespace, name);

  beforeAll(async () => {
    [governed, ungoverned] = await Promise.all([scene.governed(), scene.ungoverned()]);
    const all = (name: string) => listOf(TEMPLATED.map((kind) => manifest(kind, name)));
    await kubectl(scene.alice, governed, ['apply', '-f', '-'], all('client-side'));
    await kubectl(scene.alice, governed, ['apply', '-f', '-', ...SERVER_SIDE], all('server-side'));
    for (const namespace of [governed, ungoverned]) {
      await kubectl(scene.alice, namespace, ['create', '-f', '-'], all('replaced'));
    }
    // What is compared is what people change; controllers have written their part by then.
    await untilQuiet('the workloads', async () => {
      const lists = TEMPLATED.flatMap((kind) => [governed, ungoverned].map((where) => scene.store.list(kind, where)));
      return (await Promise.all(lists)).flat();
    });
  });

  describe.each(TEMPLATED)('of a %s', (kind) => {
    it('by kubectl apply changes nothing', async () => {
      const before = await stored(governed, kind, 'client-side');
      const said = await apply(scene.alice, governed, manifest(kind, 'client-side'));
      expect(said).toContain(' unchanged');
      expect(await stored(governed, kind, 'client-side')).toEqual(before);
    });

    it('by server-side apply changes nothing, not even the resourceVersion', async () => {
      const before = await stored(governed, kind, 'server-side');
      await apply(scene.alice, governed, manifest(kind, 'server-side'), ...SERVER_SIDE);
      expect(await stored(governed, kind, 'server-side')).toEqual(before);
    });

    it('has no difference that kubectl diff could show', async () => {
      for (const [name, flags] of [
        ['client-side', []],
        ['server-side', SERVER_SIDE],
      ] as const) {
        const args = ['diff', '-f', '-', ...flags];
        expect(await kubectl(scene.alice, governed, args, JSON.stringify(manifest(kind, name)))).toBe('');
      }
    });

    it('by kubectl replace is at the generation at which it would be in any namespace', async () => {
      const generations: (number | undefined)[] = [];
      for (const namespace of [governed, ungoverned]) {
        // With what the API server filled in, as a Job's selector and labels may not be taken away.
        const before = await stored(namespace, kind, 'replaced');
        await kubectl(scene.bob, namespace, ['replace', '-f', '-'], JSON.stringify(before));
        const { metadata, spec } = await stored(namespace, kind, 'replaced');
        expect(spec).toEqual(before.spec);
        expect(metadata.annotations).toEqual(before.metadata.annotations);
        generations.push(metadata.generation);
      }
      expect(generations[0]).toBe(generations[1]);
    });

    it('does not get managed fields for what Countersign adds', async () => {
      for (const name of ['client-side', 'server-side']) {
        const object = await stored(governed, kind, name);
        expectStamped(scene, object, ALICE);
        expect(JSON.stringify(object.metadata.managedFields)).not.toContain('countersign.dev');
      }
    });
  });

  it('replaces no pod, whichever way it is applied', async () => {
    const node = await addPaperNode(scene.countersign.admin, `again-${governed}`);
    try {
      for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet'] as const) {
        const name = `running-${kind.toLowerCase()}`;
        const pod = kind === 'DaemonSet' ? { ...ON_PAPER, nodeSelector: node.selector } : {};
        const manifest = workload(kind, name, pod);
        await apply(scene.alice, governed, manifest);
        const before = await scene.store.untilPods(governed, name, 1);
        await apply(scene.bob, governed, manifest);
        await apply(scene.bob, governed, manifest, '--server-side', '--force-conflicts');
        await apply(scene.bob, governed, manifest, '--server-side', '--force-conflicts');
        const current = JSON.stringify(await stored(governed, kind, name));
        await kubectl(scene.bob, governed, ['replace', '-f', '-'], current);
        // A change that does make pods, so that there is something to wait for.
        await apply(scene.alice, governed, workload('Job', `after-${name}`));
        await scene.store.untilPods(governed, `after-${name}`, 1);
        const after = await scene.store.untilPods(governed, name, 1);
        expect(after.map(({ metadata }) => metadata.uid)).toEqual(before.map(({ metadata }) => metadata.uid));
        expect(operatorsOf(after)).toEqual([ALICE]);
      }
    } finally {
      await node.remove();
    }
  });
});

function listOf(items: readonly Manifest[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}
