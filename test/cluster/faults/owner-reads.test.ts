import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectAttributed, expectUntouched } from '../admission/support/attributed.ts';
import { Countersign } from '../admission/support/countersign.ts';
import type { Person } from '../admission/support/person.ts';
import { podWith } from '../admission/support/pods.ts';
import { expectLineage } from '../attribution/support/lineage.ts';
import { ALICE, apply, kubectl, Scene } from '../attribution/support/scene.ts';
import { asPod, type Stored } from '../attribution/support/store.ts';
import { workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { carrier, childOf } from './support/carrier.ts';
import { Way } from './support/way.ts';

const cluster = connect();

const NOT_IN_TIME = 'the API server did not answer in time';

describe.skipIf(cluster.unavailable)('when the API server does not answer the webhook', () => {
  const countersign = new Countersign(cluster);
  const scene = new Scene(countersign);
  let way: Way;
  let namespace: string;
  let replicaSetController: Person;

  beforeAll(async () => {
    way = await Way.to(cluster.server);
    await countersign.start({ server: way.url });
    await scene.set({});
    namespace = await scene.governed();
    replicaSetController = await carrier(cluster, 'replicaset-controller');
  });
  afterEach(() => way.open());
  afterAll(async () => {
    way?.open();
    await countersign.stop();
    await way?.close();
  });

  /** A ReplicaSet of Alice's without pods. */
  async function replicaSet(name: string, inNamespace: string = namespace): Promise<Stored> {
    await apply(scene.alice, inNamespace, workload('ReplicaSet', name, {}, { replicas: 0 }));
    return scene.store.get('ReplicaSet', inNamespace, name);
  }

  /** Waited for an owner so far. */
  const waited = (result: string) => countersign.process.metric('countersign_owner_read_seconds_count', { result });

  /** A Deployment of Alice's without pods, whose ReplicaSet is there. */
  async function deployment(name: string): Promise<void> {
    await apply(scene.alice, namespace, workload('Deployment', name, {}, { replicas: 0 }));
    await until(`deployment ${name} has its ReplicaSet`, async () => {
      return (await scene.store.list('ReplicaSet', namespace, { app: name })).length === 1;
    });
  }

  it('a pod whose owner must be read is refused in time, and says why; pods of people start meanwhile', async () => {
    const owner = await replicaSet('silent');
    const before = { failed: await waited('failed'), shared: await waited('shared'), ...(await reads()) };
    way.silence();
    const settled: string[] = [];
    const refusals = Promise.all(
      Array.from({ length: 8 }, async () => {
        const refusal = await replicaSetController.api.refusal(namespace, childOf(owner));
        settled.push('controller');
        return refusal;
      }),
    );
    for (let count = 0; count < 5; count += 1) {
      expectAttributed(await scene.alice.api.createPod(namespace, podWith()), ALICE);
      settled.push('alice');
    }
    await apply(scene.alice, namespace, workload('Deployment', 'meanwhile', {}, { replicas: 0 }));
    expect(settled).toEqual(Array.from({ length: 5 }, () => 'alice'));
    // The API server would itself say otherwise: that it had called in vain, after the time it gives a webhook.
    for (const { message } of await refusals) {
      expect(message).toContain('admission webhook "pods.countersign.dev" denied the request: [OwnerUnreadable]');
      expect(message).toContain(`who stands behind ReplicaSet "silent" could not be found out in time: ${NOT_IN_TIME}`);
      expect(message).toContain('Next: Wait, the controller tries again');
    }
    // All eight waited for one request.
    const after = { failed: await waited('failed'), shared: await waited('shared'), ...(await reads()) };
    expect(after).toEqual({ ...before, failed: before.failed + 1, shared: before.shared + 7, bad: before.bad + 1 });
    const refused = { outcome: 'refused', code: 'OwnerUnreadable', mode: 'enforce' };
    expect(await countersign.process.metric('countersign_decisions_total', refused)).toBe(8);
  });

  async function reads(): Promise<{ good: number; bad: number }> {
    const name = 'countersign_live_reads_total';
    const [good, bad] = await Promise.all(
      ['ok', 'failed'].map((result) => countersign.process.metric(name, { result })),
    );
    return { good: good ?? 0, bad: bad ?? 0 };
  }

  it.each([
    ['silent', () => way.silence(), NOT_IN_TIME],
    ['broken', () => way.cut(), /socket hang up|ECONNRESET|disconnected/],
  ])(
    'when the way is %s, a Deployment says why it has no pods, and gets them when it is well',
    async (name, block, why) => {
      const app = `way-${name}`;
      await deployment(app);
      block();
      await kubectl(scene.alice, namespace, ['scale', `deployment/${app}`, '--replicas=3']);
      const line = await until(
        'the refusal is to be seen',
        async () => {
          const failures = await scene.store.failures(namespace);
          return failures.find(({ message }) => message.includes(`ReplicaSet "${app}`))?.message;
        },
        { timeoutMs: 30_000 },
      );
      expect(line).toContain('[OwnerUnreadable]');
      expect(line).toMatch(why);
      expect(await scene.store.list('Pod', namespace, { app })).toEqual([]);

      way.open();
      const pods = await scene.store.untilPods(namespace, app, 3, { timeoutMs: 60_000 });
      for (const pod of pods) await expectLineage(scene, pod, ALICE);
    },
  );

  it('a slow one is waited for, by all pods of an owner together', async () => {
    const before = { found: await waited('found'), shared: await waited('shared'), refused: await waited('failed') };
    await apply(scene.alice, namespace, workload('Deployment', 'slow', {}, { replicas: 0 }));
    await until(
      'there is a ReplicaSet',
      async () => (await scene.store.list('ReplicaSet', namespace, { app: 'slow' })).length === 1,
    );
    way.slow(300);
    await kubectl(scene.alice, namespace, ['scale', 'deployment/slow', '--replicas=31']);
    const pods = await scene.store.untilPods(namespace, 'slow', 31);
    way.open();
    for (const pod of pods) expectAttributed(asPod(pod), ALICE);
    await expectLineage(scene, pods[0] as Stored, ALICE);
    const [found, shared] = [(await waited('found')) - before.found, (await waited('shared')) - before.shared];
    expect(await waited('failed')).toBe(before.refused);
    // Its controller makes 1, 2, 4, 8 and 16 of them at a time. The Deployment's own ReplicaSet had an owner too.
    expect(found + shared).toBeGreaterThanOrEqual(31);
    expect(found).toBeLessThanOrEqual(12);
  });

  it('a namespace that only warns has its pods, within the shorter time that it gives, and the reason', async () => {
    const lenient = await scene.governed({ mode: 'warn' });
    const owner = await replicaSet('lenient', lenient);
    way.silence();
    const { status, body, warnings } = await replicaSetController.api.postPod(lenient, childOf(owner), {
      dryRun: true,
    });
    expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
    expect(warnings.join('\n')).toContain(`[OwnerUnreadable] who stands behind ReplicaSet "lenient"`);
    expect(warnings.join('\n')).toContain(NOT_IN_TIME);
    expectUntouched(body);
  });

  it('nobody gets into a pod that cannot be read, and nobody has anything stamped anew', async () => {
    const pod = await scene.alice.api.createPod(namespace, podWith());
    await deployment('restamped');
    const stamped = await scene.store.get('Deployment', namespace, 'restamped');
    way.silence();
    const name = pod.metadata?.name ?? '';
    const into = await scene.alice.kubectl(['-n', namespace, 'exec', name, '-c', 'app', '--', 'id']);
    expect(into.stderr).toContain(`[OwnerUnreadable] who stands behind Pod "${name}"`);
    const wish = JSON.stringify({ operator: 'bob@acme.com', reason: 'a test' });
    const asked = await countersign.administrator.kubectl([
      '-n',
      namespace,
      'annotate',
      'deployment',
      'restamped',
      `countersign.dev/restamp=${wish}`,
    ]);
    expect(asked.stderr).toContain('[ClusterUnavailable]');
    expect(asked.stderr).toContain('the API server did not say in time who may restamp');
    expect((await scene.store.get('Deployment', namespace, 'restamped')).metadata.annotations).toEqual(
      stamped.metadata.annotations,
    );

    way.open();
    const again = await scene.alice.kubectl(['-n', namespace, 'exec', name, '-c', 'app', '--', 'id']);
    // The webhook has no objection, and there is no node.
    expect(again.stderr).not.toContain('countersign');
    expect(again.stderr).toContain(`pod ${name} does not have a host assigned`);
  });
});
