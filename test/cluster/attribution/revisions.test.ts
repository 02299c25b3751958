import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { operatorsOf } from './support/lineage.ts';
import { ALICE, apply, BOB, kubectl, useScene } from './support/scene.ts';
import type { Stored } from './support/store.ts';
import { AT_ONCE, running, workload } from './support/workloads.ts';
import { untilSettled, type Writes, writesOf } from './support/writes.ts';

const cluster = connect();

const APP = 'agent';
const REVISION = 'deployment.kubernetes.io/revision';

interface Step {
  readonly who: 'alice' | 'bob';
  readonly args: readonly string[];
  /** Whose the pods are afterwards, where they are anybody's. */
  readonly operator: string;
}

const step = (who: Step['who'], operator: string, ...args: string[]): Step => ({ who, operator, args });
const target = `deployment/${APP}`;

const STEPS: readonly Step[] = [
  step('bob', BOB, 'set', 'image', target, 'app=app:2'),
  step('alice', ALICE, 'set', 'image', target, 'app=app:3'),
  step('bob', BOB, 'rollout', 'undo', target),
  step('alice', ALICE, 'rollout', 'undo', target, '--to-revision=1'),
  step('bob', BOB, 'rollout', 'restart', target),
  step('alice', BOB, 'scale', target, '--replicas=4'),
  step('alice', BOB, 'rollout', 'pause', target),
  step('alice', BOB, 'set', 'image', target, 'app=app:4'),
  step('bob', ALICE, 'rollout', 'resume', target),
  step('bob', BOB, 'rollout', 'undo', target),
  step('alice', BOB, 'annotate', target, 'note=seen'),
  step('alice', BOB, 'scale', target, '--replicas=1'),
];

/** What is left of the whole sequence. */
interface Outcome {
  /** After every step: the Deployment's revision, generation, and the revision of each ReplicaSet by its image. */
  readonly history: readonly object[];
  readonly operators: readonly (readonly string[])[];
  readonly replicaSets: Writes;
  readonly deployments: Writes;
}

describe.skipIf(cluster.unavailable)('controllers do the same in a governed namespace as in another', () => {
  const scene = useScene(cluster);
  let governed: Outcome;
  let ungoverned: Outcome;

  beforeAll(async () => {
    ungoverned = await run(await scene.ungoverned());
    governed = await run(await scene.governed());
  });

  async function run(namespace: string): Promise<Outcome> {
    const history: object[] = [];
    const operators: (readonly string[])[] = [];
    const record = async () => {
      await untilSettled(scene.store, namespace, APP);
      const deployment = await scene.store.get('Deployment', namespace, APP);
      const replicaSets = await scene.store.childrenOf(deployment, 'ReplicaSet');
      history.push({
        generation: deployment.metadata.generation,
        revision: deployment.metadata.annotations?.[REVISION],
        replicaSets: replicaSets.map(summary).toSorted(),
      });
      operators.push(operatorsOf(await scene.store.list('Pod', namespace, { app: APP })));
    };
    const first = workload('Deployment', APP, running('app:1'), { replicas: 3, ...AT_ONCE });
    await apply(scene.alice, namespace, first);
    await record();
    for (const { who, args } of STEPS) {
      await kubectl(scene[who], namespace, args);
      await record();
    }
    const writes = (account: string, resource: string) =>
      writesOf(cluster, scene.countersign.administrator, account, namespace, resource);
    return {
      history,
      operators,
      replicaSets: await writes('deployment-controller', 'replicasets'),
      deployments: await writes('deployment-controller', 'deployments'),
    };
  }

  it('with the same revisions and generations after every step', () => {
    expect(governed.history).toEqual(ungoverned.history);
  });

  it('with as many writes of ReplicaSets', () => {
    expect(ungoverned.replicaSets.update).toBeGreaterThan(10);
    expect(governed.replicaSets).toEqual(ungoverned.replicaSets);
  });

  it('and nobody goes on writing: how often a status is written depends on time, but not on who governs', () => {
    const { status, ...writes } = governed.deployments;
    expect(writes).toEqual({ create: 0, update: 0, refused: 0 });
    expect(ungoverned.deployments.status).toBeGreaterThan(STEPS.length);
    expect(status).toBeLessThan(ungoverned.deployments.status * 1.5);
  });

  it('and each pod carries the name of who submitted its template', () => {
    const wanted = [ALICE, ...STEPS.map(({ operator }) => operator)];
    expect(governed.operators.map((names) => [...new Set(names)])).toEqual(wanted.map((operator) => [operator]));
    expect(governed.operators.map((names) => names.length)).toEqual(ungoverned.operators.map((names) => names.length));
    expect([...new Set(ungoverned.operators.flat())]).toEqual(['nobody']);
  });
});

function summary({ metadata, spec }: Stored): string {
  const { template, replicas } = spec as { template: { spec: { containers: { image: string }[] } }; replicas: number };
  const restarted = 'pod-template-hash' in (metadata.labels ?? {}) ? '' : ' without hash';
  return `${template.spec.containers[0]?.image} revision ${metadata.annotations?.[REVISION]} × ${replicas}${restarted}`;
}
