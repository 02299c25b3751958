/** What attribution costs on a real API server: an owner read, a stamp, a Job and a Deployment of 200 pods. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '../test/cluster/admission/support/api.ts';
import { Countersign, SESSION, STAFF } from '../test/cluster/admission/support/countersign.ts';
import { Cluster } from '../test/cluster/cluster.ts';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import { findTools } from '../test/cluster/tools/build.ts';
import type { Fixture } from './fixture.ts';
import { load } from './load.ts';
import { deploymentReview } from './reviews.ts';
import { start } from './server.ts';
import { figure, median, percentile, table } from './table.ts';

const PODS = 300;
const REPLICAS = 200;
const ROUNDS = 3;
const LOAD = { rounds: 8, amount: 4000 };
const CHANGES = 20;
const AIM = { ownerReadMs: 3, slower: 1.2, slowerChanges: 1.5 };
const PATIENCE_MS = 120_000;
const ALICE = 'alice@acme.com';

interface Place {
  readonly name: string;
  readonly namespace: string;
}

/** Starts a control plane and Countersign on it, measures, and takes both down again, also when something fails. */
export async function reportCluster(fixture: Fixture): Promise<void> {
  const tools = await findTools(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'], console.log);
  if ('unavailable' in tools) {
    console.log(`\nnothing was measured on a cluster: ${tools.unavailable}`);
    return;
  }
  const controlPlane = await startControlPlane({ tools });
  const cluster = Object.assign(new Cluster(controlPlane.connection, controlPlane), { unavailable: '' });
  const countersign = new Countersign(cluster);
  try {
    await countersign.start();
    await measure(countersign, fixture);
  } finally {
    try {
      await countersign.stop();
    } finally {
      await controlPlane.close();
    }
  }
}

async function measure(countersign: Countersign, fixture: Fixture): Promise<void> {
  const policy = await countersign.newPolicy({ operators: [STAFF], session: SESSION });
  const places: readonly [Place, Place] = [
    { name: 'ungoverned', namespace: await countersign.namespace() },
    { name: 'governed', namespace: await countersign.governedNamespace(policy) },
  ];
  const alice = (await countersign.person(ALICE)).api;
  const rows = [
    ...(await ownerReads(countersign, alice, places)),
    await workloads('Job of 200 pods', alice, places, jobOf),
    await workloads('Deployment of 200 replicas', alice, places, deploymentOf),
    await rapidChanges(alice, places),
    ...(await stamps(countersign, fixture, places[1].namespace)),
  ];
  console.log(`\n${table(['on a real API server', 'governed', 'compared with', 'difference', 'aim'], rows)}`);
}

/** Dry-run creations of one pod: ungoverned, by a person, and by a controller whose owner has to be read. */
async function ownerReads(countersign: Countersign, alice: Api, [free, governed]: readonly [Place, Place]) {
  const controller = (await countersign.serviceAccount('kube-system', 'replicaset-controller')).api;
  const sets = new Map<Place, string>();
  for (const place of [free, governed]) {
    const path = `/apis/apps/v1/namespaces/${place.namespace}/replicasets`;
    const { selector, metadata, spec } = templateOf('owner');
    const body = { metadata: { name: 'owner' }, spec: { replicas: 0, selector, template: { metadata, spec } } };
    const made = await alice.call<{ metadata: { uid: string } }>('POST', path, { body });
    if (made.status !== 201) throw new Error(JSON.stringify(made.body));
    sets.set(place, made.body.metadata.uid);
  }
  const cases: readonly [Api, Place, boolean][] = [
    [controller, free, true],
    [alice, governed, false],
    [controller, governed, true],
  ];
  const times: number[][] = cases.map(() => []);
  for (let round = 0; round < PODS; round += 1) {
    for (const [index, [api, place, owned]] of cases.entries()) {
      const uid = sets.get(place) ?? '';
      const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'owner', uid, controller: true };
      const { metadata, spec } = templateOf('owner');
      const pod = { metadata: { ...metadata, generateName: 'a-', ...(owned && { ownerReferences: [owner] }) }, spec };
      const began = performance.now();
      const { status, body } = await api.postPod(place.namespace, pod, { dryRun: true });
      if (status !== 201) throw new Error(body.message);
      // The first ones open connections and have code compiled.
      if (round >= PODS / 10) times[index]?.push(performance.now() - began);
    }
  }
  const [bare = [], person = [], owned = []] = times;
  const row = (name: string, of: (values: readonly number[]) => number, other: readonly number[], aim = '') => {
    const added = of(owned) - of(other);
    const verdict = aim === '' ? '' : `${aim}: ${added <= AIM.ownerReadMs ? 'met' : 'missed'}`;
    return [name, figure(of(owned)), figure(of(other)), `+${figure(added)}`, verdict];
  };
  const p99 = (values: readonly number[]): number => percentile(values, 0.99);
  return [
    row('pod with an owner read / by a person, p50 ms', median, person, `at most ${AIM.ownerReadMs} ms`),
    row('the same, p99 ms', p99, person),
    row('pod with an owner read / ungoverned, p50 ms', median, bare),
    row('the same, p99 ms', p99, bare),
  ];
}

/** Seconds until all pods of a workload are there, in both namespaces in turn. */
async function workloads(
  name: string,
  alice: Api,
  places: readonly [Place, Place],
  make: (name: string) => { path: string; body: object },
): Promise<string[]> {
  const times = new Map<Place, number[]>(places.map((place) => [place, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const place of round % 2 === 0 ? places : places.toReversed()) {
      times.get(place)?.push(await untilAllThere(alice, place, make));
    }
  }
  const [free, governed] = places.map((place) => median(times.get(place) ?? []));
  const ratio = (governed ?? Number.NaN) / (free ?? Number.NaN);
  const verdict = `at most ${AIM.slower} ×: ${ratio <= AIM.slower ? 'met' : 'missed'}`;
  return [`${name}, s`, figure(governed ?? 0), figure(free ?? 0), `× ${figure(ratio)}`, verdict];
}

async function untilAllThere(
  alice: Api,
  { namespace }: Place,
  make: (name: string) => { path: string; body: object },
): Promise<number> {
  const id = `w-${randomUUID().slice(0, 8)}`;
  const { path, body } = make(id);
  const collection = path.replace('{namespace}', namespace);
  const began = performance.now();
  const made = await alice.call('POST', collection, { body });
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  const pods = `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${id}&resourceVersion=0`;
  for (;;) {
    const { body: found } = await alice.call<{ items: unknown[] }>('GET', pods);
    const seconds = (performance.now() - began) / 1000;
    if (found.items.length >= REPLICAS) {
      await alice.call('DELETE', `${collection}/${id}?propagationPolicy=Background`);
      await alice.call('DELETE', pods.replace('&resourceVersion=0', '&gracePeriodSeconds=0'));
      return seconds;
    }
    if (seconds * 1000 > PATIENCE_MS) throw new Error(`${id}: ${found.items.length} of ${REPLICAS} pods`);
    await sleep(50);
  }
}

/** Seconds until twenty changes of a Deployment's image have come to rest at the last one. */
async function rapidChanges(alice: Api, places: readonly [Place, Place]): Promise<string[]> {
  const times = new Map<Place, number[]>(places.map((place) => [place, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const place of round % 2 === 0 ? places : places.toReversed()) {
      times.get(place)?.push(await untilAtRest(alice, place));
    }
  }
  const [free = 0, governed = 0] = places.map((place) => median(times.get(place) ?? []));
  const verdict = governed / free <= AIM.slowerChanges ? 'met' : 'missed';
  const aim = `at most ${AIM.slowerChanges} ×: ${verdict}`;
  return [`${CHANGES} changes of an image, s`, figure(governed), figure(free), `× ${figure(governed / free)}`, aim];
}

async function untilAtRest(alice: Api, { namespace }: Place): Promise<number> {
  const id = `c-${randomUUID().slice(0, 8)}`;
  const { selector, metadata, spec } = templateOf(id);
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const body = { metadata: { name: id }, spec: { replicas: 1, selector, template: { metadata, spec } } };
  const made = await alice.call('POST', `${apps}/deployments`, { body });
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  const began = performance.now();
  for (let change = 1; change <= CHANGES; change += 1) {
    const containers = spec.containers.map((each) => ({ ...each, image: `registry.example.com/agent:${change}` }));
    const patch = { body: { spec: { template: { spec: { containers } } } } };
    const { status, body: answer } = await alice.call('PATCH', `${apps}/deployments/${id}`, patch);
    if (status !== 200) throw new Error(answer.message);
  }
  const last = `registry.example.com/agent:${CHANGES}`;
  for (;;) {
    const pods = `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${id}`;
    const { body: found } = await alice.call<{ items: { spec: { containers: { image: string }[] } }[] }>('GET', pods);
    const seconds = (performance.now() - began) / 1000;
    if (found.items.some((pod) => pod.spec.containers.some(({ image }) => image === last))) {
      await alice.call('DELETE', `${apps}/deployments/${id}?propagationPolicy=Background`);
      return seconds;
    }
    if (seconds * 1000 > PATIENCE_MS) throw new Error(`${id} does not come to rest`);
    await sleep(20);
  }
}

/** Reviews of a Deployment, each of which is signed, beside an endpoint that signs and answers with as many bytes. */
async function stamps(countersign: Countersign, { bare }: Fixture, namespace: string): Promise<string[][]> {
  const { port, secret } = countersign.process;
  const review = JSON.stringify(deploymentReview(namespace, ALICE));
  // The patch of a stamp has some 1,200 bytes.
  const endpoint = await start(bare([1200]));
  const urls = [
    `https://127.0.0.1:${port}/mutate/${secret}?timeout=10s`,
    `https://127.0.0.1:${endpoint.port}/1200/signed?timeout=10s`,
  ];
  const rates: number[][] = [[], []];
  for (let round = 0; round <= LOAD.rounds; round += 1) {
    for (const [index, url] of urls.entries()) {
      const { perSecond } = await load(url, review, LOAD.amount);
      // The first round has everything compiled.
      if (round > 0) rates[index]?.push(perSecond);
    }
  }
  await endpoint.stop();
  const [our = [], their = []] = rates;
  const ratio = median(our.map((rate, round) => rate / (their[round] ?? Number.NaN)));
  return [
    ['stamped workloads/s / bare that signs', figure(median(our)), figure(median(their)), `× ${figure(ratio)}`, ''],
  ];
}

function templateOf(name: string) {
  return {
    selector: { matchLabels: { app: name } },
    metadata: { labels: { app: name } },
    spec: {
      containers: [
        {
          name: 'agent',
          image: 'registry.example.com/agent:1',
          args: ['serve'],
          resources: { requests: { cpu: '10m', memory: '16Mi' } },
        },
      ],
    },
  };
}

function jobOf(name: string) {
  const { metadata, spec } = templateOf(name);
  return {
    path: '/apis/batch/v1/namespaces/{namespace}/jobs',
    body: {
      metadata: { name },
      spec: {
        parallelism: REPLICAS,
        completions: REPLICAS,
        template: { metadata, spec: { ...spec, restartPolicy: 'Never' } },
      },
    },
  };
}

function deploymentOf(name: string) {
  const { selector, metadata, spec } = templateOf(name);
  return {
    path: '/apis/apps/v1/namespaces/{namespace}/deployments',
    body: { metadata: { name }, spec: { replicas: REPLICAS, selector, template: { metadata, spec } } },
  };
}
