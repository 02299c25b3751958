import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { retireKeyOf, rotateKeys } from '../../../src/stamp/store.ts';
import { podWith } from '../admission/support/pods.ts';
import type { WebhookProcess } from '../admission/support/webhook-process.ts';
import { CUSTODY, expectLineage, STAMP, type Verifier } from '../attribution/support/lineage.ts';
import { ALICE, apply, kubectl, useScene } from '../attribution/support/scene.ts';
import type { Kind, Stored } from '../attribution/support/store.ts';
import { type Templated, workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { countersign as run } from '../installation.ts';
import { until } from '../until.ts';
import { Load } from './support/load.ts';
import { PublishedKeys, signerOf } from './support/published-keys.ts';
import { Replicas } from './support/replicas.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)(
  'while keys rotate, with two replicas that learn of it one after the other',
  () => {
    const scene = useScene(cluster);
    let namespace: string;
    let replicas: Replicas;
    let early: WebhookProcess;
    let late: WebhookProcess;
    let keys: PublishedKeys;
    let oldKey: string;
    let verifier: Verifier;

    beforeAll(async () => {
      replicas = await Replicas.beside(scene.countersign, [{}]);
      [early, late] = replicas.all as [WebhookProcess, WebhookProcess];
      keys = new PublishedKeys(early);
      await keys.store.change(() => early.keys);
      oldKey = early.keys.signing;
      verifier = { store: scene.store, keys: keys.verifying };
      namespace = await scene.governed();
    });
    afterAll(() => replicas?.stop());

    /** Refusals in this namespace: what other files left in the cluster, a CronJob for one, goes on. */
    const refusals = () =>
      replicas.all
        .flatMap((each) => each.log())
        .filter((line) => line['namespace'] === namespace && line['allowed'] === false);

    /** Who signed the newest statement on an object. */
    const signed = (object: Stored): string =>
      signerOf(object.metadata.annotations?.[CUSTODY] ?? object.metadata.annotations?.[STAMP]);

    async function create(kind: Templated, name: string): Promise<Stored> {
      await apply(scene.alice, namespace, workload(kind, name));
      return scene.store.get(kind, namespace, name);
    }

    /** The only pod of a workload, as soon as it is there, with the name of whoever submitted it. */
    async function podOf(app: string): Promise<Stored> {
      const [pod] = (await scene.store.untilPods(namespace, app, 1, { timeoutMs: 75_000 })) as [Stored];
      await expectLineage(verifier, pod, ALICE);
      return pod;
    }

    it('nothing is refused, whatever is created at whatever moment', async () => {
      for (const kind of ['Deployment', 'StatefulSet', 'ReplicationController'] as const) {
        expect(signed(await create(kind, `old-${kind.toLowerCase()}`))).toBe(oldKey);
        await podOf(`old-${kind.toLowerCase()}`);
      }
      const load = new Load(scene.alice, namespace);
      load.start();

      // What "countersign keys rotate" does, with the moment at which each replica has learnt of it in our hands.
      const { from, to } = await rotateKeys(keys.store, async () => {
        await keys.reach(early);
        await load.rounds(3);
        await keys.reach(late);
        await load.rounds(3);
      });
      expect(from).toBe(oldKey);
      await load.rounds(3);
      // The early one signs by the new key, and the late one by the old one.
      await keys.reach(early);
      await load.rounds(6);
      await keys.reach(late);
      await load.rounds(3);
      const made = await load.stop();

      expect(made.refusals).toEqual([]);
      expect(made.jobs.length).toBeGreaterThanOrEqual(18);
      for (const job of made.jobs) await podOf(job);
      expect(refusals()).toEqual([]);
      expect(await scene.store.failures(namespace)).toEqual([]);
      const jobs = await Promise.all(made.jobs.map((name) => scene.store.get('Job', namespace, name)));
      expect(new Set(jobs.map(signed))).toEqual(new Set([oldKey, to]));
    });

    it('what was signed before counts, and what is signed from now on is by the new key', async () => {
      const { signing } = await keys.present();
      for (const kind of ['deployment', 'statefulset', 'replicationcontroller']) {
        await kubectl(scene.alice, namespace, ['delete', 'pod', '-l', `app=old-${kind}`]);
        expect(signed(await podOf(`old-${kind}`))).toBe(signing);
      }
      expect(signed(await scene.store.get('Deployment', namespace, 'old-deployment'))).toBe(oldKey);
      // Both replicas, as they are asked in turn.
      for (const name of ['new-1', 'new-2', 'new-3', 'new-4']) expect(signed(await create('Job', name))).toBe(signing);
      expect(refusals()).toEqual([]);
    });

    it('half a file is not taken up, tells no secret, and hinders nothing', async () => {
      const present = await keys.present();
      const text = JSON.stringify(present);
      const [first] = present.keys;
      const broken = {
        half: text.slice(0, text.length / 2),
        torn: text.replace(first?.d ?? '', present.keys[1]?.d ?? ''),
      };
      const failed = () => early.metric('countersign_reloads_total', { file: 'stamp-keys', result: 'failed' });
      replicas.ask(early);
      for (const [name, content] of Object.entries(broken)) {
        const before = await failed();
        writeFileSync(join(early.keysDir, 'keys.json'), content);
        await until('the replica has looked at the file', async () => (await failed()) > before);
        expect(signed(await create('Job', name))).toBe(present.signing);
        await podOf(name);
      }
      const said = JSON.stringify(early.log());
      expect(said).toContain('the stamp keys cannot be loaded; those before, if any, stay');
      for (const { d } of present.keys) expect(said).not.toContain(d.slice(0, 8));
      replicas.ask();
      await keys.reach(early);
    });

    it('a key that is retired voids what it signed, says how to mend it, and "countersign restamp" mends it', async () => {
      const standing = await scene.store.untilPods(namespace, 'old-statefulset', 1);
      await retireKeyOf(keys.store, oldKey);
      for (const each of replicas.all) await keys.reach(each);
      await kubectl(scene.alice, namespace, ['scale', 'deployment/old-deployment', '--replicas=2']);
      await kubectl(scene.alice, namespace, ['delete', 'pod', '-l', 'app=old-replicationcontroller']);
      const voided = (kind: Kind, of: string) =>
        until(
          `a pod of ${of} is refused`,
          async () => (await scene.store.failures(namespace)).find(({ message }) => message.includes(`${kind} "${of}`)),
          { timeoutMs: 30_000 },
        );
      for (const [kind, of] of [
        ['ReplicaSet', 'old-deployment'],
        ['ReplicationController', 'old-replicationcontroller'],
      ] as const) {
        const { message } = await voided(kind, of);
        expect(message).toContain(`[StampKeyUnknown] the stamp on ${kind} "${of}`);
        expect(message).toContain('was signed with a key that is not there any more');
        expect(message).toContain('"countersign restamp"');
      }
      // People are nobody's children.
      expect((await scene.alice.api.postPod(namespace, podWith())).status).toBe(201);

      const restamp = run([
        'restamp',
        '--all',
        '-n',
        namespace,
        `--operator=${ALICE}`,
        '--reason=a key was retired',
        `--kubeconfig=${cluster.adminKubeconfig}`,
      ]);
      expect({ status: await restamp.status, output: restamp.output() }).toMatchObject({ status: 0 });
      const { signing } = await keys.present();
      await scene.store.untilPods(namespace, 'old-deployment', 2, { timeoutMs: 75_000 });
      await podOf('old-replicationcontroller');
      for (const pod of await scene.store.list('Pod', namespace, { app: 'old-deployment' })) {
        const [, ...above] = await expectLineage(verifier, pod, ALICE);
        for (const each of above) expect(signed(each)).toBe(signing);
      }
      // Nothing that ran has been touched; nor has what it is made of, so its next pods are of the same revision.
      expect(await scene.store.list('Pod', namespace, { app: 'old-statefulset' })).toEqual(standing);
      await kubectl(scene.alice, namespace, ['delete', 'pod', 'old-statefulset-0']);
      await podOf('old-statefulset');
      await scene.store.untilRevisions(namespace, 'old-statefulset', 1);
    });
  },
);
