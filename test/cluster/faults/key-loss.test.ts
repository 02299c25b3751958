import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstKeys } from '../../../src/stamp/rotation.ts';
import type { Person } from '../admission/support/person.ts';
import { podWith } from '../admission/support/pods.ts';
import { expectLineage, STAMP, type Verifier } from '../attribution/support/lineage.ts';
import { addPaperNode, ON_PAPER, type PaperNode } from '../attribution/support/node.ts';
import { ALICE, apply, BOB, kubectl, useScene } from '../attribution/support/scene.ts';
import { imageOf, type Stored } from '../attribution/support/store.ts';
import { type Manifest, running, workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { countersign as run } from '../installation.ts';
import { until } from '../until.ts';
import { PublishedKeys } from './support/published-keys.ts';

const cluster = connect();

const KINDS = ['ReplicationController', 'ReplicaSet', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job'] as const;
type Running = (typeof KINDS)[number];

/** Controllers try again at growing intervals. */
const MINUTE = { timeoutMs: 75_000 };

describe.skipIf(cluster.unavailable)('when all keys of stamps are lost, and there are new ones', () => {
  const scene = useScene(cluster);
  let namespace: string;
  let node: PaperNode;
  let keys: PublishedKeys;
  let verifier: Verifier;
  const before = new Map<Running, Stored>();

  const nameOf = (kind: Running): string => `lost-${kind.toLowerCase()}`;
  const manifest = (kind: Running): Manifest =>
    workload(kind, nameOf(kind), kind === 'DaemonSet' ? { ...ON_PAPER, nodeSelector: node.selector } : {});

  beforeAll(async () => {
    namespace = await scene.governed();
    node = await addPaperNode(scene.countersign.admin, `lost-${namespace}`);
    for (const kind of KINDS) await apply(scene.alice, namespace, manifest(kind));
    await apply(scene.alice, namespace, workload('CronJob', 'lost-cronjob'));
    for (const kind of KINDS) {
      const [pod] = (await scene.store.untilPods(namespace, nameOf(kind), 1)) as [Stored];
      before.set(kind, pod);
    }
    const { process } = scene.countersign;
    keys = new PublishedKeys(process);
    await keys.store.change(firstKeys);
    await keys.reach(process);
    verifier = { store: scene.store, keys: keys.verifying };
  });
  afterAll(() => node?.remove());

  async function complaintAbout(text: string): Promise<string> {
    const failure = await until(
      `a controller complains about ${text}`,
      async () => (await scene.store.failures(namespace)).find(({ message }) => message.includes(text)),
      { timeoutMs: 30_000 },
    );
    return failure.message;
  }

  /** An admin runs "countersign restamp". */
  async function restamped(inNamespace: string, operator: string, what: string) {
    const args = [what, '-n', inNamespace, '--operator', operator, '--reason', 'stamp keys lost'];
    const child = run(['restamp', ...args, `--kubeconfig=${cluster.adminKubeconfig}`]);
    return { status: await child.status, stdout: child.stdout() };
  }

  const into = (person: Person, kind: Running) =>
    person.kubectl(['-n', namespace, 'exec', before.get(kind)?.metadata.name ?? '', '-c', 'app', '--', 'id']);

  it('what runs goes on, and its operator gets in, and nobody else', async () => {
    for (const kind of KINDS) {
      const pods = await scene.store.list('Pod', namespace, { app: nameOf(kind) });
      expect(pods).toEqual([before.get(kind)]);
      // The webhook has no objection, and there is no node of that name that would answer.
      expect((await into(scene.alice, kind)).stderr).not.toContain('countersign');
      expect((await into(scene.bob, kind)).stderr).toContain('[NotYourSession]');
    }
    expect((await scene.alice.api.postPod(namespace, podWith())).status).toBe(201);
  });

  it.each(KINDS)('(%s) no new pod counts, and the refusal says how to have it stamped anew', async (kind) => {
    await kubectl(scene.alice, namespace, ['delete', 'pod', before.get(kind)?.metadata.name ?? '', '--grace-period=0']);
    const owner = kind === 'Deployment' ? 'ReplicaSet' : kind;
    const message = await complaintAbout(`the stamp on ${owner} "${nameOf(kind)}`);
    expect(message).toContain('[StampKeyUnknown]');
    expect(message).toContain('was signed with a key that is not there any more');
    expect(message).toContain('ask a cluster admin to run "countersign restamp"');
  });

  it('scaling, labels and finalizers go on as before', async () => {
    await kubectl(scene.bob, namespace, ['scale', 'deployment/lost-deployment', '--replicas=2']);
    await kubectl(scene.bob, namespace, ['label', 'statefulset', 'lost-statefulset', 'seen=yes']);
  });

  it('"countersign restamp --all" heals all of it, in the name that is given', async () => {
    const restamp = await restamped(namespace, ALICE, '--all');
    const lines = [...KINDS.map((kind) => `${kind} "${nameOf(kind)}"`), 'CronJob "lost-cronjob"'];
    expect(restamp.status).toBe(0);
    expect(restamp.stdout.trimEnd().split('\n').toSorted()).toEqual(
      lines.map((line) => `${line}: operator "${ALICE}"`).toSorted(),
    );
    for (const kind of KINDS) {
      const pods = await scene.store.untilPods(namespace, nameOf(kind), kind === 'Deployment' ? 2 : 1, MINUTE);
      for (const pod of pods) await expectLineage(verifier, pod, ALICE);
    }
    await kubectl(scene.alice, namespace, ['create', 'job', 'now', '--from=cronjob/lost-cronjob']);
  });

  it('pods of an older template come back when their revision is stamped anew, which the refusal names', async () => {
    const own = await scene.governed();
    const set = (image: string, partition: number) =>
      workload('StatefulSet', 'two', running(image), {
        replicas: 2,
        podManagementPolicy: 'Parallel',
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
      });
    const untilImages = (...images: string[]) =>
      scene.store.untilPodsAre(
        `pods run ${images.join(' and ')}`,
        own,
        'two',
        (pods) => pods.map(imageOf).toSorted().join() === images.join(),
        MINUTE,
      );
    await apply(scene.alice, own, set('app:1', 0));
    for (const pod of await untilImages('app:1', 'app:1')) await scene.store.setPhase(pod, 'Running');
    await apply(scene.bob, own, set('app:2', 1));
    await untilImages('app:1', 'app:2');
    await keys.store.change(() => firstKeys());
    await keys.reach(scene.countersign.process);
    expect((await restamped(own, BOB, '--all')).status).toBe(0);

    await kubectl(scene.alice, own, ['delete', 'pod', 'two-0', 'two-1']);
    const revision = await until('the refusal names the revision', async () => {
      const messages = (await scene.store.failures(own)).map(({ message }) => message);
      return messages
        .map((each) => /\[StampKeyUnknown\] the stamp on ControllerRevision "([^"]+)"/.exec(each)?.[1])
        .find(Boolean);
    });
    expect((await restamped(own, ALICE, `controllerrevision/${revision}`)).status).toBe(0);
    const [older, newer] = (await untilImages('app:1', 'app:2')).toSorted((one, other) =>
      imageOf(one).localeCompare(imageOf(other)),
    ) as [Stored, Stored];
    await expectLineage(verifier, older, ALICE, BOB);
    await expectLineage(verifier, newer, BOB);
  });

  it('a person heals their own without a restart, by taking the old stamp off', async () => {
    const own = await scene.governed();
    const { process } = scene.countersign;
    await apply(scene.alice, own, workload('Deployment', 'own'));
    const [pod] = (await scene.store.untilPods(own, 'own', 1)) as [Stored];
    await keys.store.change(() => firstKeys());
    await keys.reach(process);
    await kubectl(scene.alice, own, ['delete', 'pod', pod.metadata.name]);
    const advice = await until('its pod is refused, with advice', async () => {
      const [failure] = await scene.store.failures(own);
      return /kubectl annotate KIND\/NAME ([^)]+)\)/.exec(failure?.message ?? '')?.[1];
    });
    const before = await scene.store.get('Deployment', own, 'own');
    // Nothing tells the API server that the stamp is void: it asks the webhook about no update but a real one.
    await apply(scene.alice, own, workload('Deployment', 'own'));
    await kubectl(scene.alice, own, ['annotate', 'deployment/own', 'note=here']);
    expect((await scene.store.get('Deployment', own, 'own')).metadata.annotations?.[STAMP]).toBe(
      before.metadata.annotations?.[STAMP],
    );

    await kubectl(scene.alice, own, ['annotate', 'deployment/own', ...advice.split(' ')]);
    const [again] = (await scene.store.untilPods(own, 'own', 1, MINUTE)) as [Stored];
    const after = await expectLineage(verifier, again, ALICE);
    expect(after.at(-1)?.spec).toEqual(before.spec);
    expect(await scene.store.childrenOf(before, 'ReplicaSet')).toHaveLength(1);
  });
});
