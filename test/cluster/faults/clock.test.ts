import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATION, LABEL } from '../../../src/names.ts';
import type { WebhookOptions, WebhookProcess } from '../admission/support/webhook-process.ts';
import { expectLineage, expectStamped } from '../attribution/support/lineage.ts';
import { ALICE, apply, kubectl, useScene } from '../attribution/support/scene.ts';
import { verified } from '../attribution/support/statements.ts';
import { pathOf, type Stored } from '../attribution/support/store.ts';
import { workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { Replicas } from './support/replicas.ts';

const cluster = connect();

const PRELOAD = pathToFileURL(join(import.meta.dirname, 'support/clock-off.ts')).href;

/** A webhook whose clock is wrong. */
function clockOff(minutes: number): WebhookOptions {
  return { nodeArgs: [`--import=${PRELOAD}?minutes=${minutes}`] };
}

/** Minutes. */
const OFF = { right: 0, ahead: 10, behind: -10 } as const;

const KINDS = ['ReplicationController', 'ReplicaSet', 'Deployment', 'StatefulSet', 'Job'] as const;

/** With so many pods at a time. */
function sized(kind: (typeof KINDS)[number], count: number): object {
  if (kind === 'Job') return { parallelism: count, completions: 10 };
  return { replicas: count, ...(kind === 'StatefulSet' && { podManagementPolicy: 'Parallel' }) };
}

describe.skipIf(cluster.unavailable)('with a replica ten minutes ahead and one ten minutes behind', () => {
  const scene = useScene(cluster);
  let replicas: Replicas;
  let right: WebhookProcess;
  let ahead: WebhookProcess;
  let behind: WebhookProcess;

  beforeAll(async () => {
    replicas = await Replicas.beside(scene.countersign, [clockOff(OFF.ahead), clockOff(OFF.behind)]);
    [right, ahead, behind] = replicas.all as [WebhookProcess, WebhookProcess, WebhookProcess];
  });
  afterAll(() => replicas?.stop());

  /** Does something while only this replica is asked. */
  async function by<Result>(replica: WebhookProcess, action: () => Promise<Result>): Promise<Result> {
    replicas.ask(replica);
    try {
      return await action();
    } finally {
      replicas.ask();
    }
  }

  async function sinceOf(namespace: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}`;
    const { body } = await scene.store.api.call<{ metadata: { annotations?: Record<string, string> } }>('GET', path);
    return body.metadata.annotations?.[ANNOTATION.governedSince] ?? '';
  }

  /** Minutes by which a time differs from now. */
  const off = (time: number | string): number => Math.round((new Date(time).getTime() - Date.now()) / 60_000) || 0;

  /** Sets the label, or takes it away, as this replica sees it; everybody knows of it afterwards. */
  async function govern(namespace: string, replica: WebhookProcess): Promise<string> {
    await by(replica, () => scene.govern(namespace));
    const since = await sinceOf(namespace);
    const path = `${pathOf('Deployment', namespace)}?dryRun=All`;
    const probe = { body: workload('Deployment', 'probe') };
    // Replicas learn of a namespace by a watch of their own.
    await until('all replicas go by the new date', async () => {
      const dates = [];
      for (const each of replicas.all) {
        const { body } = await by(each, () => scene.alice.api.call<Stored>('POST', path, probe));
        dates.push(verified(body.metadata.annotations?.[ANNOTATION.stamp], scene.keys).gov);
      }
      return dates.every((date) => date === since);
    });
    return since;
  }

  describe.each(['ahead', 'behind'] as const)('what the one that is %s signs', (name) => {
    it.each(KINDS)('counts for the others (%s)', async (kind) => {
      const namespace = await scene.governed();
      await by({ ahead, behind }[name], () => apply(scene.alice, namespace, workload(kind, 'app', {}, sized(kind, 0))));
      const claims = expectStamped(scene, await scene.store.get(kind, namespace, 'app'), ALICE);
      expect(off(claims.iat * 1000)).toBe(OFF[name]);
      for (const [index, each] of replicas.all.entries()) {
        await by(each, async () => {
          const patch = JSON.stringify({ spec: sized(kind, index + 1) });
          await kubectl(scene.alice, namespace, ['patch', kind.toLowerCase(), 'app', '--patch', patch]);
          const pods = await scene.store.untilPods(namespace, 'app', index + 1);
          for (const pod of pods) await expectLineage(scene, pod, ALICE);
        });
      }
      expect(await scene.store.failures(namespace)).toEqual([]);
    });
  });

  describe.each([
    ['right', 'ahead'],
    ['ahead', 'right'],
    ['right', 'behind'],
    ['behind', 'right'],
    ['ahead', 'behind'],
    ['behind', 'ahead'],
  ] as const)(
    'a namespace that is governed by the one that is %s, and later by the one that is %s',
    (first, second) => {
      it('keeps its date as long as it is governed, and has a new one afterwards, by which nothing older counts', async () => {
        const named = { right, ahead, behind };
        const namespace = await scene.ungoverned();
        const began = await govern(namespace, named[first]);
        expect(off(began)).toBe(OFF[first]);
        await by(named[first], () => apply(scene.alice, namespace, workload('Deployment', 'app')));
        const [pod] = (await scene.store.untilPods(namespace, 'app', 1)) as [Stored];
        await expectLineage(scene, pod, ALICE);
        await by(named[second], async () => {
          const lax = { [LABEL.mode]: 'warn' };
          await scene.countersign.label(namespace, lax);
          await scene.countersign.label(namespace, { [LABEL.mode]: null });
        });
        expect(await sinceOf(namespace)).toBe(began);

        await scene.countersign.label(namespace, { [LABEL.policy]: null });
        const again = await govern(namespace, named[second]);
        expect(off(again)).toBe(OFF[second]);
        await kubectl(scene.alice, namespace, ['delete', 'pod', pod.metadata.name]);
        const { message } = await until('its pod is refused', async () => (await scene.store.failures(namespace))[0]);
        expect(message).toContain('[StampFromBefore]');
        await kubectl(scene.alice, namespace, ['annotate', 'deployment', 'app', `${ANNOTATION.stamp}-`]);
        const [adopted] = (await scene.store.untilPods(namespace, 'app', 1, { timeoutMs: 60_000 })) as [Stored];
        await expectLineage(scene, adopted, ALICE);
      });
    },
  );
});
