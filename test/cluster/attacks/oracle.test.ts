import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject, Operation } from '../../../src/json.ts';
import { post, type Response } from '../admission/support/review.ts';
import { CUSTODY, operatorOf, STAMP } from '../attribution/support/lineage.ts';
import { ALICE } from '../attribution/support/scene.ts';
import { verified } from '../attribution/support/statements.ts';
import { type Kind, pathOf, type Stored } from '../attribution/support/store.ts';
import { type Manifest, running, TEMPLATED, type Templated, workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { EVE, useArena } from './support/arena.ts';
import { codeOf, namedOn, WRITES } from './support/attempts.ts';

const cluster = connect();

const RESOURCES: Readonly<Record<Templated | 'Pod', string>> = {
  Pod: 'pods',
  ReplicationController: 'replicationcontrollers',
  ReplicaSet: 'replicasets',
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
  Job: 'jobs',
  CronJob: 'cronjobs',
};

/** Runs evil code, and is never there by itself: nothing but what a test scales or starts makes pods of it. */
const evil = (kind: Templated, name: string): Manifest =>
  workload(kind, name, running('evil:1'), kind === 'DaemonSet' ? {} : IDLE[kind]);

const IDLE: Readonly<Record<Exclude<Templated, 'DaemonSet'>, object>> = {
  ReplicationController: { replicas: 0 },
  ReplicaSet: { replicas: 0 },
  Deployment: { replicas: 0 },
  StatefulSet: { replicas: 0 },
  Job: { suspend: true },
  CronJob: { suspend: true },
};

/**
 * Eve knows the path secret and reaches the webhook, which signs for her whatever she says that Alice submits. None of
 * that may be worth anything.
 */
describe.skipIf(cluster.unavailable)('a stamp that a forged review is answered with', () => {
  const arena = useArena(cluster);
  let namespace: string;

  beforeAll(async () => {
    namespace = await arena.governed();
  });

  /** What the webhook makes of an object that Alice is said to submit. */
  async function forged(object: JsonObject | Manifest | Stored, where = namespace): Promise<string> {
    const webhook = arena.scene.countersign.process;
    const { kind, apiVersion, metadata } = object as Stored;
    const slash = apiVersion.indexOf('/');
    const body = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: randomUUID(),
        operation: 'CREATE',
        resource: {
          group: apiVersion.slice(0, Math.max(slash, 0)),
          version: 'v1',
          resource: RESOURCES[kind as Templated],
        },
        namespace: where,
        name: metadata.name,
        userInfo: { username: ALICE, groups: ['system:authenticated'] },
        object: { ...object, metadata: { name: metadata.name, namespace: where } },
      },
    };
    const answer = await post(webhook, cluster.ca, `/mutate/${webhook.secret}?timeout=10s`, body);
    const { patch = '' } = (JSON.parse(answer.body) as { response: Response }).response;
    const operations = patch === '' ? [] : (JSON.parse(Buffer.from(patch, 'base64').toString()) as Operation[]);
    const written = operations.map((each) => ('value' in each ? each.value : null));
    const found = written.flatMap((value) => {
      if (typeof value === 'string') return value.split('.').length === 3 ? [value] : [];
      const stamp = (value as JsonObject | null)?.[STAMP];
      return typeof stamp === 'string' ? [stamp] : [];
    });
    if (found[0] === undefined) throw new Error(`no stamp: ${answer.body}`);
    return found[0];
  }

  const planted = (stamp: string) => ({ [STAMP]: stamp, [CUSTODY]: stamp });
  const withAnnotations = (object: Manifest, annotations: object) => ({
    ...object,
    metadata: { ...object.metadata, annotations },
  });

  /** Starts what stands there, and says in whose name pods come. */
  async function start(kind: Templated, name: string, where = namespace): Promise<readonly string[]> {
    const path = pathOf(kind, where, name);
    if (kind === 'CronJob') {
      await arena.eve.api.call('PATCH', path, { body: { spec: { suspend: false, schedule: '* * * * *' } } });
    } else if (kind === 'Job') await arena.eve.api.call('PATCH', path, { body: { spec: { suspend: false } } });
    else await arena.eve.api.call('PATCH', path, { body: { spec: { replicas: 1 } } });
    const seen = await until(
      `${kind} ${name} has pods, or is refused some`,
      async () => {
        const pods = await arena.scene.store.list('Pod', where, { app: name });
        const failures = (await arena.scene.store.failures(where)).filter(({ involvedObject }) =>
          involvedObject.name.startsWith(name),
        );
        return (pods.length > 0 || failures.length > 0) && pods.map(operatorOf);
      },
      { timeoutMs: 90_000 },
    );
    await arena.eve.api.call('DELETE', `${path}?propagationPolicy=Background`);
    return seen;
  }

  it('is genuine, and says that Alice submitted what she has never seen', async () => {
    const claims = verified(await forged(evil('Deployment', 'genuine')), arena.scene.keys);
    expect(claims).toMatchObject({ typ: 'stamp', op: ALICE, ns: namespace, how: 'direct' });
  });

  it.each(TEMPLATED)('counts on no %s, however it is written there', async (kind) => {
    const name = `planted-${kind.toLowerCase()}`;
    const stamp = await forged(evil(kind, name));
    const path = pathOf(kind, namespace);
    const body = withAnnotations(evil(kind, name), planted(stamp));
    const made = await arena.eve.api.call<Stored>('POST', path, { body });
    expect(namedOn(arena.scene, made.body)).toEqual({ stamp: EVE, custody: 'nobody' });
    for (const [way, write] of Object.entries(WRITES)) {
      const change = { metadata: { annotations: planted(stamp) } };
      const answer = await write(arena.eve, `${path}/${name}`, change, made.body);
      expect({ way, name: namedOn(arena.scene, answer.body) }).toEqual({
        way,
        name: { stamp: EVE, custody: 'nobody' },
      });
      expect(codeOf(await write(arena.mallory, `${path}/${name}/status`, change, made.body))).toBe('KeyChanged');
    }
  });

  it.each(['Deployment', 'StatefulSet', 'Job', 'ReplicaSet'] as const)('counts on no pod of a %s', async (kind) => {
    const name = `started-${kind.toLowerCase()}`;
    const stamp = await forged(evil(kind, name));
    const template = evil(kind, name).spec['template'] as JsonObject;
    const metadata = { ...(template['metadata'] as JsonObject), annotations: planted(stamp) };
    const body = withAnnotations(
      { ...evil(kind, name), spec: { ...evil(kind, name).spec, template: { ...template, metadata } } },
      planted(stamp),
    );
    expect((await arena.eve.api.call('POST', pathOf(kind, namespace), { body })).status).toBe(201);
    expect(await start(kind, name)).toEqual([EVE]);
  });

  it('counts on no Job of a CronJob in whose template it stands, also when the CronJob’s own does not', async () => {
    // The webhook does not know the name yet, and so the stamp holds for the beginning of it; which can be changed.
    const { name: _, ...metadata } = { ...evil('CronJob', 'x').metadata, generateName: 'night-' };
    const template = evil('CronJob', 'night');
    const made = await arena.eve.api.call<Stored>('POST', pathOf('CronJob', namespace), {
      body: { ...template, metadata },
    });
    const { name } = made.body.metadata;
    const path = pathOf('CronJob', namespace, name);
    const stamp = await forged(made.body);
    const jobTemplate = { metadata: { annotations: planted(stamp) } };
    expect(codeOf(await arena.eve.api.call('PATCH', path, { body: { spec: { jobTemplate } } }))).toBe('done');
    expect(codeOf(await arena.eve.api.call('PATCH', path, { body: { metadata: { generateName: 'else-' } } }))).toBe(
      'done',
    );
    const body = { spec: { suspend: false, schedule: '* * * * *' } };
    await arena.eve.api.call('PATCH', path, { body });
    const refused = await until(
      'the CronJob is refused a Job, or has one',
      async () => {
        const jobs = await arena.scene.store.list('Job', namespace);
        if (jobs.some(({ metadata: { name: job } }) => job.startsWith(name))) return ['a Job'];
        const failures = await arena.scene.store.failures(namespace);
        const own = failures.filter(({ involvedObject }) => involvedObject.name === name);
        return own.length > 0 && own.map(({ message }) => message);
      },
      { timeoutMs: 100_000 },
    );
    await arena.eve.api.call('DELETE', path);
    expect(refused.join()).toContain('[OwnerNotAttributed]');
  });

  it('counts on no pod, and no pod’s counts on another', async () => {
    const pod = { apiVersion: 'v1', kind: 'Pod' as Kind, metadata: { name: 'prey' }, spec: running('evil:1') };
    const stamp = await forged(pod as Manifest);
    const made = await arena.eve.api.createPod(namespace, {
      ...pod,
      metadata: { name: 'prey', annotations: planted(stamp) },
    });
    expect(operatorOf(made as unknown as Stored)).toBe(EVE);
    const change = { metadata: { annotations: planted(stamp) } };
    expect(codeOf(await WRITES['a merge patch'](arena.eve, pathOf('Pod', namespace, 'prey'), change))).toBe(
      'KeyChanged',
    );
  });

  it('counts in no other namespace, nor on another kind', async () => {
    const elsewhere = await arena.governed();
    const stamp = await forged(evil('ReplicaSet', 'other'));
    for (const [kind, where] of [
      ['ReplicaSet', elsewhere],
      ['Deployment', namespace],
    ] as const) {
      const body = withAnnotations(evil(kind, 'other'), planted(stamp));
      const made = await arena.eve.api.call<Stored>('POST', pathOf(kind, where), { body });
      expect(namedOn(arena.scene, made.body).stamp).toBe(EVE);
      expect(await start(kind, 'other', where)).toEqual([EVE]);
    }
  });

  describe('and is put where nobody watches, in a namespace that is taken out of governance for a while', () => {
    const PREPARED: readonly Templated[] = [
      'Deployment',
      'ReplicaSet',
      'StatefulSet',
      'Job',
      'CronJob',
      'ReplicationController',
    ];
    const asPlanted: object[] = [];
    let prepared: string;

    beforeAll(async () => {
      prepared = await arena.governed();
      const stamps = new Map<Templated, string>();
      for (const kind of PREPARED) stamps.set(kind, await forged(evil(kind, kind.toLowerCase()), prepared));
      await arena.scene.countersign.label(prepared, { 'countersign.dev/policy': null });
      await until('nothing is stamped there any more', async () => {
        const body = withAnnotations(evil('Deployment', 'probe'), { [STAMP]: 'a.b.c' });
        const { body: made } = await arena.eve.api.call<Stored>(
          'POST',
          `${pathOf('Deployment', prepared)}?dryRun=All`,
          { body },
        );
        return made.metadata.annotations?.[STAMP] === 'a.b.c';
      });
      for (const kind of PREPARED) {
        const body = withAnnotations(evil(kind, kind.toLowerCase()), planted(stamps.get(kind) ?? ''));
        const made = await arena.eve.api.call<Stored>('POST', pathOf(kind, prepared), { body });
        asPlanted.push(namedOn(arena.scene, made.body));
      }
      await arena.scene.govern(prepared);
    });

    it('stands there: genuine, for this object, and of an earlier governance', () => {
      expect(asPlanted).toEqual(PREPARED.map(() => ({ stamp: ALICE, custody: ALICE })));
    });

    it.each(PREPARED.filter((kind) => kind !== 'CronJob'))('no pod of a %s comes of it', async (kind) => {
      expect(await start(kind, kind.toLowerCase(), prepared)).toEqual([]);
      const failures = await arena.scene.store.failures(prepared);
      // Of a Deployment the ReplicaSet was made in between, with copies of what says nothing there.
      const code = kind === 'Deployment' ? 'OwnerNotAttributed' : 'StampFromBefore';
      expect(failures.map(({ message }) => message).join()).toContain(`[${code}]`);
    });

    it('no Job of a CronJob', async () => {
      expect(await start('CronJob', 'cronjob', prepared)).toEqual([]);
      expect(await arena.scene.store.list('Job', prepared)).toEqual([]);
    });

    it('nor is the date of a governance anybody’s to choose', async () => {
      const change = { metadata: { annotations: { 'countersign.dev/governed-since': '2020-01-01T00:00:00.000Z' } } };
      for (const path of [`/api/v1/namespaces/${prepared}`, `/api/v1/namespaces/${prepared}/status`]) {
        expect(codeOf(await arena.mallory.api.call('PATCH', path, { body: change }))).toBe('GovernanceChanged');
      }
      const { body } = await arena.scene.countersign.admin.call<Stored>('PATCH', `/api/v1/namespaces/${prepared}`, {
        body: change,
      });
      expect(body.metadata.annotations?.['countersign.dev/governed-since']).not.toContain('2020');
    });
  });
});
