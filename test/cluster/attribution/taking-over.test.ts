import { beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../../src/names.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectLineage, expectStamped, STAMP } from './support/lineage.ts';
import { ALICE, apply, BOB, kubectl, refused, useScene } from './support/scene.ts';
import type { Stored } from './support/store.ts';
import { workload } from './support/workloads.ts';

const cluster = connect();

const CAROL = 'carol@acme.com';
const DEPLOYER = { namespace: 'deployer-of-taking-over', name: 'deployer' };

/** What docs/attribution.md says of GitOps, of people who left, and of statements that do not count any more. */
describe.skipIf(cluster.unavailable)('a workload', () => {
  const username = `system:serviceaccount:${DEPLOYER.namespace}:${DEPLOYER.name}`;
  const scene = useScene(cluster, {
    delegators: [{ name: 'deployer', match: { username }, operators: ['[a-z]+@acme\\.com'] }],
  });
  let namespace: string;
  beforeAll(async () => {
    namespace = await scene.governed();
  });

  const stampOf = async (name: string, where = namespace): Promise<string | undefined> =>
    (await scene.store.get('Deployment', where, name)).metadata.annotations?.[STAMP];

  it('stays whose it is when somebody else takes its stamp off, or touches it', async () => {
    await apply(scene.alice, namespace, workload('Deployment', 'kept', {}, { replicas: 0 }));
    const before = await stampOf('kept');
    await kubectl(scene.bob, namespace, ['annotate', 'deployment/kept', `${STAMP}-`]);
    await kubectl(scene.bob, namespace, ['annotate', 'deployment/kept', 'note=touched']);
    expect(await stampOf('kept')).toBe(before);
    expectStamped(scene, await scene.store.get('Deployment', namespace, 'kept'), ALICE);
  });

  it('whose stamp is of an earlier governance is of whoever takes that off, without a restart', async () => {
    const other = await scene.governed();
    await apply(scene.alice, other, workload('Deployment', 'taken'));
    const [pod] = (await scene.store.untilPods(other, 'taken', 1)) as [Stored];
    await scene.countersign.label(other, { [LABEL.policy]: null });
    await scene.govern(other);
    const { spec } = await scene.store.get('Deployment', other, 'taken');
    const before = await stampOf('taken', other);

    await kubectl(scene.bob, other, ['annotate', 'deployment/taken', 'note=touched']);
    expect(await stampOf('taken', other)).toBe(before);

    await kubectl(scene.bob, other, ['annotate', 'deployment/taken', `${STAMP}-`]);
    const taken = await scene.store.get('Deployment', other, 'taken');
    expectStamped(scene, taken, BOB);
    expect(taken.spec).toEqual(spec);
    await kubectl(scene.alice, other, ['delete', 'pod', pod.metadata.name]);
    const next = await until('there is another pod', async () =>
      (await scene.store.list('Pod', other, { app: 'taken' })).find(
        ({ metadata }) => metadata.uid !== pod.metadata.uid,
      ),
    );
    await expectLineage(scene, next, BOB);
  });

  it('that a deployment tool writes is of whom the manifest names, as long as the template stays', async () => {
    const deployer = await scene.account(DEPLOYER.namespace, DEPLOYER.name);
    const manifest = (operator: string | undefined, image = 'app:1') => {
      const made = workload('Deployment', 'synced', { containers: [{ name: 'app', image }] });
      const annotations = operator === undefined ? {} : { 'countersign.dev/on-behalf-of': operator };
      return { ...made, metadata: { ...(made as unknown as Stored).metadata, annotations } } as typeof made;
    };
    expect(
      await refused(await scene.account(DEPLOYER.namespace, 'other'), namespace, ['apply', '-f', '-'], manifest(CAROL)),
    ).toContain('[NotHuman]');
    expect(await refused(deployer, namespace, ['apply', '-f', '-'], manifest(undefined))).toContain(
      '[DelegatorNamedNobody]',
    );
    await apply(deployer, namespace, manifest(CAROL));
    const [pod] = (await scene.store.untilPods(namespace, 'synced', 1)) as [Stored];
    const passed = await expectLineage(scene, pod, CAROL);
    const top = passed.at(-1) as Stored;
    expect(expectStamped(scene, top, CAROL)).toMatchObject({ how: 'delegated', by: username });

    await apply(deployer, namespace, manifest(ALICE));
    expect(await stampOf('synced')).toBe(top.metadata.annotations?.[STAMP]);
    await apply(deployer, namespace, manifest(ALICE, 'app:2'));
    expectStamped(scene, await scene.store.get('Deployment', namespace, 'synced'), ALICE);

    const image = ['set', 'image', 'deployment/synced', 'app=app:3'];
    expect(await refused(scene.bob, namespace, image)).toContain('[OperatorClaimedByOther]');
  });
});
