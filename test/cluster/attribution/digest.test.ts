import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/json.ts';
import { contentOf } from '../../../src/lineage/content.ts';
import { WORKLOAD_KINDS } from '../../../src/lineage/kinds.ts';
import { digestOf } from '../../../src/stamp/digest.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { CONTROLLERS, carrier, installAgentKinds, made, object, podOf } from './support/agents.ts';
import { expectLineage, expectStamped } from './support/lineage.ts';
import { ALICE, useScene } from './support/scene.ts';
import { type Kind, pathOf, type Stored } from './support/store.ts';
import { podSpec, VOLUME_TYPES } from './support/templates.ts';
import { type Manifest, TEMPLATED, type Templated, workload } from './support/workloads.ts';

const cluster = connect();

/** How many templates each kind is tried with. */
const RUNS = 12;

/** No pods: what is looked at are workloads, and there are many of them. */
const IDLE: Readonly<Record<Templated, object>> = {
  ReplicationController: { replicas: 0 },
  ReplicaSet: { replicas: 0 },
  Deployment: { replicas: 0, paused: true },
  StatefulSet: { replicas: 0 },
  DaemonSet: {},
  Job: { suspend: true },
  CronJob: {},
};

const OTHERS: Readonly<Partial<Record<Kind, (name: string, pod: object) => Manifest>>> = {
  Sandbox: (name, spec) => object('Sandbox', { name }, { replicas: 0, podTemplate: { spec } }),
  JobSet: (name, spec) =>
    object('JobSet', { name }, { replicatedJobs: [{ name: 'a', template: { spec: { template: { spec } } } }] }),
};

const KINDS: readonly Kind[] = [...TEMPLATED, 'Sandbox', 'JobSet'];

describe.skipIf(cluster.unavailable)('what admission saw of a template is what is read back', () => {
  const scene = useScene(cluster, { carriers: [carrier('sandbox')] });
  let namespace: string;
  let count = 0;

  beforeAll(async () => {
    await installAgentKinds(cluster);
    namespace = await scene.governed();
  });

  function newName(): string {
    count += 1;
    return `t${count}`;
  }

  function manifestOf(kind: Kind, pod: object): Manifest {
    const name = newName();
    const other = OTHERS[kind];
    return other?.(name, pod) ?? workload(kind as Templated, name, pod, IDLE[kind as Templated]);
  }

  /** By the program's own reading of it, and by that of the tests. */
  function expectSame(stored: Stored): void {
    const { dig } = expectStamped(scene, stored, ALICE);
    const kind = WORKLOAD_KINDS.find((each) => each.kind === stored.kind);
    if (kind === undefined) throw new Error(`the table has no ${stored.kind}`);
    expect(digestOf(contentOf(stored as unknown as JsonObject, kind).covered)).toBe(dig);
  }

  it.each(KINDS)('of a %s: created, written again, and changed where it does not matter', async (kind) => {
    expect(VOLUME_TYPES).toBe(13);
    await fc.assert(
      fc.asyncProperty(podSpec, async (pod) => {
        const manifest = manifestOf(kind, pod);
        const { api } = scene.alice;
        const created = await api.call<Stored & { message?: string }>('POST', pathOf(kind, namespace), {
          body: manifest,
        });
        expect([created.status, created.body.message]).toEqual([201, undefined]);
        const { name } = created.body.metadata;
        expectSame(await scene.store.get(kind, namespace, name));

        // Bob would be the submitter if anything looked different to admission than what is stored.
        const path = pathOf(kind, namespace, name);
        const replaced = await until('nobody writes in between', async () => {
          const body = await scene.store.get(kind, namespace, name);
          const answer = await scene.bob.api.call('PUT', path, { body });
          return answer.status !== 409 && answer;
        });
        expect([replaced.status, replaced.body.message]).toEqual([200, undefined]);
        expectSame(await scene.store.get(kind, namespace, name));
        const labelled = await scene.bob.api.call('PATCH', path, { body: { metadata: { labels: { seen: 'yes' } } } });
        expect([labelled.status, labelled.body.message]).toEqual([200, undefined]);
        expectSame(await scene.store.get(kind, namespace, name));
        await scene.store.delete(kind, namespace, name);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  it('also of pods: what is filled into one is not mistaken for a difference from its template', async () => {
    const controller = await scene.account(CONTROLLERS.sandbox.namespace, CONTROLLERS.sandbox.name);
    await fc.assert(
      fc.asyncProperty(podSpec, async (spec) => {
        // Not filled in by the API server, unlike the pod.
        const sandbox = await made(scene.alice, namespace, manifestOf('Sandbox', spec));
        await expectLineage(scene, await made(controller, namespace, podOf(sandbox)), ALICE);
        await scene.store.delete('Sandbox', namespace, sandbox.metadata.name);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  it.each(['Job', 'StatefulSet', 'ReplicaSet'] as const)(
    'also of pods that the controller makes of a %s',
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(podSpec, async (spec) => {
          const { metadata } = await made(scene.alice, namespace, workload(kind, newName(), spec));
          const [pod] = await scene.store.untilPods(namespace, metadata.name, 1);
          if (pod !== undefined) await expectLineage(scene, pod, ALICE);
          await scene.store.delete(kind, namespace, metadata.name);
        }),
        { numRuns: 4, endOnFailure: true },
      );
    },
  );
});
