import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { CUSTODY, expectLineage } from './support/lineage.ts';
import { ALICE, apply, BOB, useScene } from './support/scene.ts';
import { verified } from './support/statements.ts';
import { imageOf, pathOf, type Stored } from './support/store.ts';
import { AT_ONCE, running, workload } from './support/workloads.ts';
import { untilSettled } from './support/writes.ts';

const cluster = connect();

const APP = 'agent';
const CHANGES = 20;

describe.skipIf(cluster.unavailable)('twenty changes of an image in a row', () => {
  const scene = useScene(cluster);
  let namespace: string;

  beforeAll(async () => {
    namespace = await scene.governed();
  });

  it('come to rest at the last one, in the name of who made it', async () => {
    await apply(scene.alice, namespace, workload('Deployment', APP, running('app:0'), { replicas: 3, ...AT_ONCE }));
    for (let change = 1; change <= CHANGES; change += 1) {
      // In turn, so that a pod with the name of the change before would have the other's.
      const { api } = change % 2 === 0 ? scene.alice : scene.bob;
      const patch = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: `app:${change}` }];
      const { status, body } = await api.call('PATCH', pathOf('Deployment', namespace, APP), {
        body: patch,
        headers: { 'content-type': 'application/json-patch+json' },
      });
      expect([status, body.message]).toEqual([200, undefined]);
    }
    const last = `app:${CHANGES}`;
    const pods = await scene.store.untilPodsAre(`three pods run ${last}`, namespace, APP, (pods) => {
      return pods.length === 3 && pods.every((pod) => imageOf(pod) === last);
    });
    for (const pod of pods) await expectLineage(scene, pod, ALICE);
    await untilSettled(scene.store, namespace, APP);
    // Whatever was made in between was made for whom its template was submitted by.
    for (const replicaSet of await scene.store.list('ReplicaSet', namespace)) {
      const submitter = Number(imageIn(replicaSet).slice('app:'.length)) % 2 === 0 ? ALICE : BOB;
      expect([imageIn(replicaSet), operatorBehind(replicaSet)]).toEqual([imageIn(replicaSet), submitter]);
    }
  });

  function operatorBehind({ metadata }: Stored): string {
    return verified(metadata.annotations?.[CUSTODY], scene.keys).op;
  }
});

function imageIn({ spec }: Stored): string {
  const { template } = spec as { template: { spec: { containers: { image: string }[] } } };
  return template.spec.containers[0]?.image ?? '';
}
