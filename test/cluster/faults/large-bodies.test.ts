import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Countersign } from '../admission/support/countersign.ts';
import { APP } from '../admission/support/pods.ts';
import { post } from '../admission/support/review.ts';
import { expectLineage } from '../attribution/support/lineage.ts';
import { ALICE, Scene } from '../attribution/support/scene.ts';
import { pathOf, type Stored } from '../attribution/support/store.ts';
import { workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';

const cluster = connect();

/** What the manifests leave the process, and about as much of it as Node takes for objects there. */
const LIMIT = 512 * 1024 * 1024;
const HEAP = '--max-old-space-size=256';

const DEPLOYMENTS = { group: 'apps', version: 'v1', resource: 'deployments' };
const PEOPLE = { username: ALICE, groups: ['system:authenticated'] };

function deployment(env: readonly object[]): object {
  return workload('Deployment', 'large', { containers: [{ ...APP, env }] });
}

/** 3 MB in a client's request, which is the most that an API server takes. */
const short = deployment(Array.from({ length: 55_000 }, (_, index) => ({ name: `A${index}`, value: 'x'.repeat(24) })));
const long = deployment([{ name: 'A', value: '<'.repeat(2_900_000) }]);
/** What only somebody with the path's secret can send: as much, in short pieces. */
const crowded = deployment(
  Array.from({ length: 330_000 }, (_, index) => ({ name: `A${index}`, value: 'x'.repeat(24) })),
);

describe.skipIf(cluster.unavailable)('bodies as large as the webhook takes them', () => {
  const countersign = new Countersign(cluster);
  const scene = new Scene(countersign);
  let namespace: string;

  beforeAll(async () => {
    await countersign.start({ nodeArgs: [HEAP] });
    await scene.set({});
    namespace = await scene.governed();
  });
  afterAll(() => countersign.stop());

  /** Sends a review straight to the webhook's port, as an API server would write it. */
  async function ask(path: string, object: object, more: object = {}): Promise<string> {
    const { process: webhook } = countersign;
    const request = {
      uid: 'u',
      resource: DEPLOYMENTS,
      operation: 'CREATE',
      namespace,
      name: 'large',
      userInfo: PEOPLE,
    };
    const review = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: { ...request, object, ...more },
    };
    const { status, body } = await post(webhook, cluster.ca, `${path}/${webhook.secret}?timeout=10s`, review);
    return `${status} ${body}`;
  }

  const metric = (name: string) => countersign.process.metric(name);

  it.each<[string, object]>([
    ['many short values', short],
    ['one long value', long],
  ])('%s, over and over: each is answered, and the memory is enough', async (_, object) => {
    for (let round = 0; round < 5; round += 1) {
      expect(await ask('/mutate', object)).toContain('"code":"Stamped"');
      expect(await ask('/mutate', object, { operation: 'UPDATE', oldObject: object })).toContain('"code":"Stamped"');
      expect(await ask('/guard', object)).toContain('"code":"ObjectNotStamped"');
      expect(await ask('/govern', object)).toContain('"allowed":true');
    }
    expect(await metric('process_resident_memory_bytes')).toBeLessThan(LIMIT);
  });

  it('18 MB in short pieces are answered, and the process is the same afterwards', async () => {
    const started = await metric('process_start_time_seconds');
    for (const path of ['/mutate', '/guard', '/mutate', '/guard']) {
      expect(await ask(path, crowded)).toMatch(/^200 .*"code":"(Stamped|ObjectNotStamped)"/);
    }
    expect(await metric('process_start_time_seconds')).toBe(started);
  });

  it('a Deployment of half a megabyte comes to its pod, by way of its ReplicaSet', async () => {
    const env = Array.from({ length: 9_000 }, (_, index) => ({ name: `A${index}`, value: 'x'.repeat(24) }));
    const body = workload('Deployment', 'half', { containers: [{ ...APP, env }] });
    const made = await scene.alice.api.call('POST', pathOf('Deployment', namespace), { body });
    expect(made.status).toBe(201);
    const [pod] = (await scene.store.untilPods(namespace, 'half', 1)) as [Stored];
    await expectLineage(scene, pod, ALICE);
  });
});
