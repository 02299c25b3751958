import { beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATION } from '../../../src/names.ts';
import { STAFF } from '../admission/support/countersign.ts';
import { untilPoliciesUnchecked } from '../admission/support/registration.ts';
import { expectLineage } from '../attribution/support/lineage.ts';
import { ALICE, apply, kubectl, refused, useScene } from '../attribution/support/scene.ts';
import { type Kind, pathOf, type Stored } from '../attribution/support/store.ts';
import { running, workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';

const cluster = connect();

const POLICIES = '/apis/countersign.dev/v1alpha1/attributionpolicies';

/** What is wrong with a namespace, and by which code workloads and pods in it are refused. */
const STATES = [
  ['has no policy of the name that it gives', 'PolicyMissing', /kubectl|create the policy or to correct the label/],
  ['has a policy that cannot be used', 'PolicyInvalid', /"countersign policy lint" lists all that is wrong/],
  ['does not say since when it is governed', 'GovernanceUndated', /kubectl annotate namespace/],
] as const;
type Code = (typeof STATES)[number][1];

describe.skipIf(cluster.unavailable).each(STATES)('a namespace that %s', (_, code, advice) => {
  const scene = useScene(cluster);
  let namespace: string;
  let policy: string;

  beforeAll(async () => {
    const { countersign } = scene;
    policy = await countersign.newPolicy({ operators: [STAFF] });
    namespace = await countersign.governedNamespace(policy);
    await apply(scene.alice, namespace, workload('Deployment', 'web', {}, { replicas: 2 }));
    await apply(scene.alice, namespace, workload('Job', 'job'));
    await apply(scene.alice, namespace, workload('StatefulSet', 'set'));
    for (const [app, count] of [
      ['web', 2],
      ['job', 1],
      ['set', 1],
    ] as const)
      await scene.store.untilPods(namespace, app, count);
    await spoil[code]();
    await until(`pods are refused by ${code}`, async () => (await people()).includes(`[${code}]`));
  });

  const spoil: Readonly<Record<Code, () => Promise<void>>> = {
    PolicyMissing: () => scene.countersign.deletePolicy(policy),
    // Stored past the webhook, as one that was good for an older version would be.
    PolicyInvalid: () =>
      unasked(async () => {
        await untilPoliciesUnchecked(scene.store.api);
        const operators = [{ name: 'broken', match: { username: '(' } }];
        const { status, body } = await scene.store.api.call('PATCH', `${POLICIES}/${policy}`, {
          body: { spec: { operators } },
        });
        if (status !== 200) throw new Error(body.message);
      }),
    // Its annotation taken away while nobody was asked, as by a restored backup.
    GovernanceUndated: () => unasked(() => annotate(null)),
  };

  async function unasked(action: () => Promise<void>): Promise<void> {
    await scene.countersign.unregister();
    try {
      await until('the API server asks nobody', async () => (await people()) === '');
      await action();
    } finally {
      await scene.countersign.register();
    }
  }

  async function annotate(since: string | null): Promise<void> {
    const body = { metadata: { annotations: { [ANNOTATION.governedSince]: since } } };
    const { status } = await scene.store.api.call('PATCH', `/api/v1/namespaces/${namespace}`, { body });
    if (status !== 200) throw new Error(`${status}`);
  }

  /** What is said to somebody who creates a workload; empty when they may. */
  async function people(): Promise<string> {
    const path = `${pathOf('Job', namespace)}?dryRun=All`;
    const { status, body } = await scene.alice.api.call('POST', path, { body: workload('Job', 'probe') });
    return status === 201 ? '' : (body.message ?? '');
  }

  const get = (kind: Kind, name: string) => scene.store.get(kind, namespace, name);

  it('refuses what people submit and change, and says what to do', async () => {
    const created = await refused(scene.alice, namespace, ['create', '-f', '-'], workload('Job', 'new'));
    expect(created).toContain(`[${code}]`);
    expect(created).toMatch(advice);
    const changed = workload('Deployment', 'web', running('app:2'), { replicas: 2 });
    expect(await refused(scene.alice, namespace, ['apply', '-f', '-'], changed)).toContain(`[${code}]`);
    expect(await refused(scene.alice, namespace, ['rollout', 'restart', 'statefulset/set'])).toContain(`[${code}]`);
  });

  it('refuses pods that controllers make, and they say so', async () => {
    await kubectl(scene.alice, namespace, ['scale', 'deployment/web', '--replicas=3']);
    const failure = await until('its controller complains', async () => {
      return (await scene.store.failures(namespace)).find(({ involvedObject }) =>
        involvedObject.name.startsWith('web'),
      );
    });
    expect(failure.message).toContain(`[${code}]`);
    expect(await scene.store.list('Pod', namespace, { app: 'web' })).toHaveLength(2);
  });

  it('leaves alone what changes nobody’s name: scaling, pausing, labels, annotations, finalizers', async () => {
    await kubectl(scene.alice, namespace, ['scale', 'deployment/web', '--replicas=1']);
    await scene.store.untilPods(namespace, 'web', 1);
    await kubectl(scene.alice, namespace, ['rollout', 'pause', 'deployment/web']);
    await kubectl(scene.alice, namespace, ['rollout', 'resume', 'deployment/web']);
    await kubectl(scene.alice, namespace, ['label', 'statefulset', 'set', 'seen=yes']);
    await kubectl(scene.alice, namespace, ['annotate', 'job', 'job', 'note=here']);
    const finalizers = (list: readonly string[]) => [
      'patch',
      'job',
      'job',
      '--type=merge',
      '--patch',
      JSON.stringify({ metadata: { finalizers: list } }),
    ];
    await kubectl(scene.alice, namespace, finalizers(['test/hold']));
    await kubectl(scene.alice, namespace, finalizers([]));
    const { status } = await scene.store.api.call('PATCH', `${pathOf('StatefulSet', namespace, 'set')}/status`, {
      body: { status: { replicas: 1, readyReplicas: 1 } },
    });
    expect(status).toBe(200);
  });

  it('lets controllers keep their books', async () => {
    // A Deployment's ReplicaSets get its new size and annotations; the status says how many there are.
    const web = await until('the Deployment’s status is that of its pods', async () => {
      const found = await get('Deployment', 'web');
      return (
        found.status?.['observedGeneration'] === found.metadata.generation && found.status?.['replicas'] === 1 && found
      );
    });
    const [replicaSet] = (await scene.store.childrenOf(web, 'ReplicaSet')) as [Stored];
    expect(replicaSet.spec['replicas']).toBe(1);
    const [pod] = (await scene.store.untilPods(namespace, 'job', 1)) as [Stored];
    const done = await scene.store.api.call('PATCH', `${pathOf('Pod', namespace, pod.metadata.name)}/status`, {
      body: { status: { phase: 'Succeeded' } },
    });
    expect(done.status).toBe(200);
    await until('the Job is done, and its pod’s finalizer gone', async () => {
      const job = await get('Job', 'job');
      const [left] = await scene.store.list('Pod', namespace, { app: 'job' });
      return job.status?.['succeeded'] === 1 && !JSON.stringify(left?.metadata).includes('job-tracking');
    });
  });

  it('lets things be orphaned and collected', async () => {
    await kubectl(scene.alice, namespace, ['delete', 'statefulset', 'set', '--cascade=orphan']);
    const [orphan] = (await until('its pod is an orphan', async () => {
      const pods = await scene.store.list('Pod', namespace, { app: 'set' });
      return pods.length === 1 && pods[0]?.metadata.ownerReferences === undefined && pods;
    })) as [Stored];
    await kubectl(scene.alice, namespace, ['delete', 'pod', orphan.metadata.name]);
    // A finalizer keeps the ReplicaSet until its pods are gone.
    await kubectl(scene.alice, namespace, ['delete', 'deployment', 'web', '--cascade=foreground', '--wait=false']);
    await kubectl(scene.alice, namespace, ['delete', 'job', 'job', '--wait=false']);
    await until(
      'all of it is gone',
      async () => {
        const lists = await Promise.all(
          (['Deployment', 'ReplicaSet', 'StatefulSet', 'Job'] as const).map((kind) =>
            scene.store.list(kind, namespace),
          ),
        );
        return lists.flat().length === 0;
      },
      { timeoutMs: 30_000 },
    );
  });

  it('is well again once it is mended', async () => {
    if (code === 'GovernanceUndated') {
      const [, ...args] = /kubectl (annotate) (namespace) "([^"]+)" (\S+) (--overwrite)/.exec(await people()) ?? [];
      await scene.countersign.administrator.kubectl(args);
    } else if (code === 'PolicyMissing') {
      await scene.countersign.newPolicy({ operators: [STAFF] }, policy);
    } else {
      await scene.countersign.changePolicy(policy, { operators: [STAFF] });
    }
    await until('workloads are taken', async () => (await people()) === '');
    await apply(scene.alice, namespace, workload('Deployment', 'mended'));
    const [pod] = (await scene.store.untilPods(namespace, 'mended', 1)) as [Stored];
    await expectLineage(scene, pod, ALICE);
  });
});
