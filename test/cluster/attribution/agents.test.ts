import { beforeAll, describe, expect, it } from 'vitest';
import { STAFF } from '../admission/support/countersign.ts';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import {
  CONTROLLERS,
  deploymentOf,
  type Controller,
  carrier,
  installAgentKinds,
  jobOf,
  made,
  madeFor,
  notMade,
  object,
  podOf,
  post,
  replicaOf,
} from './support/agents.ts';
import { expectCustody, expectLineage, expectStamped, referenceTo } from './support/lineage.ts';
import { ALICE, BOB, kubectl, useScene } from './support/scene.ts';
import { type Kind, pathOf, type Stored } from './support/store.ts';
import type { Manifest } from './support/workloads.ts';
import { untilSettled, type Writes, writesOf } from './support/writes.ts';

const cluster = connect();

const TEMPLATE = { metadata: { labels: { app: 'agent' } }, spec: { containers: [APP] } };
const TASK = { task: 'Count the stars.', agentId: 'agent', instanceRef: 'one', sessionKey: 'k1', timeout: '10m' };

const sandbox = (name: string, template: object = TEMPLATE): Manifest =>
  object('Sandbox', { name }, { podTemplate: template, replicas: 1 });
const claim = (name: string): Manifest => object('SandboxClaim', { name }, { sandboxTemplateRef: { name: 'python' } });
const agentRun = (name: string, more: object = {}): Manifest => object('AgentRun', { name }, { ...TASK, ...more });
const jobSet = (name: string): Manifest =>
  object(
    'JobSet',
    { name },
    {
      replicatedJobs: ['leader', 'worker'].map((job) => ({
        name: job,
        template: {
          spec: {
            template: {
              metadata: { labels: { app: `${name}-${job}` } },
              spec: { restartPolicy: 'Never', containers: [{ ...APP, args: [job] }] },
            },
          },
        },
      })),
    },
  );

/** Kinds that people submit, by the controller that works on them. */
const SUBMITTED: readonly (readonly [Kind, Controller, (name: string) => Manifest])[] = [
  ['Sandbox', 'sandbox', (name) => sandbox(name)],
  ['SandboxClaim', 'sandbox', claim],
  ['AgentRun', 'sympozium', (name) => agentRun(name)],
  ['JobSet', 'jobset', jobSet],
];

describe.skipIf(cluster.unavailable)('agent platforms', () => {
  const scene = useScene(cluster, { carriers: (['sandbox', 'sympozium', 'jobset'] as const).map(carrier) });
  let namespace: string;
  /** Under a policy that lists no carriers. */
  let strict: string;
  const controllers = new Map<Controller, Person>();

  beforeAll(async () => {
    await installAgentKinds(cluster);
    namespace = await scene.governed();
    strict = await scene.countersign.governedNamespace(await scene.countersign.newPolicy({ operators: [STAFF] }));
    for (const controller of ['sandbox', 'sympozium', 'jobset'] as const) {
      const { namespace: home, name } = CONTROLLERS[controller];
      controllers.set(controller, await scene.account(home, name));
    }
    await until('the API server knows the kinds and the rights to use them', async () => {
      return (await post(scene.alice, namespace, agentRun('probe'))).status === 201;
    });
  });

  function the(controller: Controller): Person {
    const person = controllers.get(controller);
    if (person === undefined) throw new Error(`there is no ${controller}`);
    return person;
  }

  const kindsOf = (passed: readonly Stored[]): readonly Kind[] => passed.map(({ kind }) => kind);

  describe.each(SUBMITTED)('a %s', (kind, controller, manifest) => {
    const name = `by-hand-${kind.toLowerCase()}`;

    it('is stamped with who submits it, and applied twice it is the same', async () => {
      const apply = () => kubectl(scene.alice, namespace, ['apply', '-f', '-'], JSON.stringify(manifest(name)));
      await apply();
      const before = await scene.store.get(kind, namespace, name);
      expectStamped(scene, before, ALICE);
      expect(await apply()).toContain('unchanged');
      const serverSide = ['apply', '-f', '-', '--server-side', '--force-conflicts'];
      await kubectl(scene.bob, namespace, serverSide, JSON.stringify(manifest(name)));
      const { metadata } = await scene.store.get(kind, namespace, name);
      expect(metadata.generation).toBe(before.metadata.generation);
      expectStamped(scene, await scene.store.get(kind, namespace, name), ALICE);
    });

    it('is refused from a controller for which nobody made it, and from one that the policy does not list', async () => {
      expect(await notMade(the(controller), namespace, manifest(`${name}-2`))).toMatch(/^\[(NotHuman|OwnerMissing)\]/);
    });

    it('keeps its name when its controller writes its status, labels or finalizers', async () => {
      const path = pathOf(kind, namespace, name);
      const { api } = the(controller);
      for (const [at, body] of [
        [`${path}/status`, { status: { phase: 'Running' } }],
        [path, { metadata: { labels: { seen: 'yes' }, finalizers: ['test.example/wait'] } }],
        [path, { metadata: { finalizers: null, annotations: { 'countersign.dev/stamp': 'x' } } }],
      ] as const) {
        expect((await api.call('PATCH', at, { body })).status).toBe(200);
        expectStamped(scene, await scene.store.get(kind, namespace, name), ALICE);
      }
    });
  });

  describe('a Sandbox', () => {
    it('has its pod in the name of who submitted it', async () => {
      const parent = await made(scene.alice, namespace, sandbox('own'));
      const pod = await made(the('sandbox'), namespace, podOf(parent));
      expect(kindsOf(await expectLineage(scene, pod, ALICE))).toEqual(['Pod', 'Sandbox']);
    });

    it('whose template somebody else changes has its next pod in that name', async () => {
      await made(scene.alice, namespace, sandbox('handed-on'));
      const changed = { podTemplate: { spec: { containers: [{ ...APP, image: 'app:2' }] } } };
      const path = pathOf('Sandbox', namespace, 'handed-on');
      const { status, body } = await scene.bob.api.call<Stored>('PATCH', path, { body: { spec: changed } });
      expect(status).toBe(200);
      await expectLineage(scene, await made(the('sandbox'), namespace, podOf(body)), BOB);
    });

    it('that is suspended and resumed by somebody else has its pod in the name of who wrote its template', async () => {
      const path = pathOf('Sandbox', namespace, 'paused');
      await made(scene.alice, namespace, sandbox('paused'));
      for (const replicas of [0, 1]) await scene.bob.api.call('PATCH', path, { body: { spec: { replicas } } });
      const parent = await scene.store.get('Sandbox', namespace, 'paused');
      await expectLineage(scene, await made(the('sandbox'), namespace, podOf(parent)), ALICE);
    });

    it('has quantities as they were written, and its pod as they are kept', async () => {
      const resources = { requests: { cpu: '0.10', memory: '1000Ki' }, limits: { cpu: '1.0', memory: '0.5Gi' } };
      const volumes = [{ name: 'scratch', emptyDir: { sizeLimit: '1e8' } }];
      const spec = { containers: [{ ...APP, resources, ports: [{ containerPort: 80 }] }], volumes };
      const parent = await made(scene.alice, namespace, sandbox('quantities', { spec }));
      await expectLineage(scene, await made(the('sandbox'), namespace, podOf(parent)), ALICE);
    });

    it('has no other pod than the one that it says', async () => {
      const parent = await made(scene.alice, namespace, sandbox('other'));
      const { spec, ...rest } = podOf(parent);
      const other = { ...rest, spec: { ...spec, containers: [{ ...APP, image: 'evil:1' }] } };
      expect(await notMade(the('sandbox'), namespace, other)).toContain('[NotFromTemplate]');
      expect(await notMade(scene.bob, namespace, { ...other, metadata: { ...rest.metadata, ...claimed } })).toMatch(
        /^\[OperatorClaimedByOther\]/,
      );
    });

    it('has no pod where its controller is not listed', async () => {
      const parent = await made(scene.alice, strict, sandbox('strict'));
      const message = await notMade(the('sandbox'), strict, podOf(parent));
      expect(message).toContain('[ControllerNotAttributed]');
      expect(message).toContain('list it under carriers');
    });

    it('has none by the account of another controller, or by somebody who impersonates its own', async () => {
      const parent = await made(scene.alice, namespace, sandbox('impostor'));
      expect(await notMade(the('sympozium'), namespace, podOf(parent))).toContain('[ControllerNotAttributed]');
      const { namespace: home, name } = CONTROLLERS.sandbox;
      const { stderr } = await scene.countersign.administrator.create(
        namespace,
        podOf(parent),
        '--as',
        `system:serviceaccount:${home}:${name}`,
      );
      expect(stderr).toContain('[CarrierDoubtful]');
    });

    it('of which another one with the same name took the place does not count for its pod', async () => {
      const first = await made(scene.alice, namespace, sandbox('same-name'));
      await scene.store.delete('Sandbox', namespace, 'same-name');
      await made(scene.bob, namespace, sandbox('same-name'));
      expect(await notMade(the('sandbox'), namespace, podOf(first))).toContain('[OwnerMissing]');
    });
  });

  describe('a SandboxClaim', () => {
    it('has the claimer’s name in its pod, through its Sandbox', async () => {
      const parent = await made(scene.alice, namespace, claim('cold'));
      const child = { ...sandbox('cold'), metadata: { name: 'cold', ...madeFor(parent) } };
      const made2 = await made(the('sandbox'), namespace, child);
      const custody = expectCustody(scene, made2, ALICE, parent);
      expect(custody.root).toMatchObject({ kind: 'SandboxClaim', name: 'cold' });
      const pod = await made(the('sandbox'), namespace, podOf(made2));
      expect(kindsOf(await expectLineage(scene, pod, ALICE))).toEqual(['Pod', 'Sandbox', 'SandboxClaim']);
    });

    it('says nothing for a Sandbox of its name that somebody else submits', async () => {
      const parent = await made(scene.alice, namespace, claim('taken'));
      const child = { ...sandbox('taken'), metadata: { name: 'taken', ...madeFor(parent) } };
      const byBob = await made(scene.bob, namespace, child);
      expectStamped(scene, byBob, BOB);
      await expectLineage(scene, await made(the('sandbox'), namespace, podOf(byBob)), BOB);
    });
  });

  it('a warm pool gets neither Sandboxes nor pods: nobody has asked for them', async () => {
    const pool = await made(scene.alice, namespace, object('SandboxWarmPool', { name: 'pool' }, { replicas: 2 }));
    const metadata = { generateName: 'pool-', ...madeFor(pool) };
    const warm = { ...sandbox(''), metadata };
    const message = await notMade(the('sandbox'), namespace, warm);
    expect(message).toContain('[WarmPool]');
    expect(message).toContain('Next: ');
    // One that was there before the namespace was governed.
    const before = await scene.ungoverned();
    const oldPool = await made(scene.alice, before, object('SandboxWarmPool', { name: 'pool' }, { replicas: 1 }));
    const old = await made(the('sandbox'), before, { ...sandbox(''), metadata: { name: 'w1', ...madeFor(oldPool) } });
    await scene.govern(before);
    expect(await notMade(the('sandbox'), before, podOf(old))).toContain('[WarmPool]');
  });

  describe('an AgentRun', () => {
    it('has the name of who started it in its pod, through its Job', async () => {
      const run = await made(scene.alice, namespace, agentRun('run'));
      const job = await made(the('sympozium'), namespace, jobOf(run));
      const custody = expectCustody(scene, job, ALICE, run);
      expect(custody.root).toMatchObject({ group: 'sympozium.ai', kind: 'AgentRun', name: 'run' });
      const [pod] = await scene.store.untilPods(namespace, 'run', 1);
      if (pod === undefined) throw new Error('there is no pod');
      expect(kindsOf(await expectLineage(scene, pod, ALICE))).toEqual(['Pod', 'Job', 'AgentRun']);
    });

    it('keeps its name when the controller writes its timeout in another way', async () => {
      const run = await made(scene.alice, namespace, agentRun('timeout'));
      const path = pathOf('AgentRun', namespace, 'timeout');
      const { status, body } = await the('sympozium').api.call<Stored>('PUT', path, {
        body: { ...run, spec: { ...run.spec, timeout: '10m0s' } },
      });
      expect(status).toBe(200);
      expectStamped(scene, body, ALICE);
      expectCustody(scene, await made(the('sympozium'), namespace, jobOf(body)), ALICE, body);
    });

    it('that serves has the name in the pods of its Deployment, whose controller writes no more than elsewhere', async () => {
      const writes: Writes[] = [];
      for (const where of [await scene.ungoverned(), namespace]) {
        const run = await made(scene.alice, where, agentRun('server'));
        await made(the('sympozium'), where, deploymentOf(run));
        await untilSettled(scene.store, where, 'server');
        for (const replicas of [2, 3]) {
          const path = pathOf('Deployment', where, 'server');
          await the('sympozium').api.call('PATCH', path, { body: { spec: { replicas } } });
          await untilSettled(scene.store, where, 'server');
        }
        const { administrator } = scene.countersign;
        writes.push(await writesOf(cluster, administrator, 'deployment-controller', where, 'replicasets'));
      }
      for (const pod of await scene.store.untilPods(namespace, 'server', 3)) {
        const passed = await expectLineage(scene, pod, ALICE);
        expect(kindsOf(passed)).toEqual(['Pod', 'ReplicaSet', 'Deployment']);
      }
      const run = referenceTo(await scene.store.get('AgentRun', namespace, 'server'));
      const deployment = await scene.store.get('Deployment', namespace, 'server');
      expect(expectStamped(scene, deployment, ALICE)).toMatchObject({ parent: run, root: run });
      expect(writes[1]).toEqual(writes[0]);
    });

    it('has the task that was submitted: a controller that changes it is refused', async () => {
      await made(scene.alice, namespace, agentRun('task'));
      const path = pathOf('AgentRun', namespace, 'task');
      const { status, body } = await the('sympozium').api.call('PATCH', path, { body: { spec: { task: 'Else.' } } });
      expect(status).toBe(403);
      expect(body.message).toContain('[TemplateChanged]');
    });

    it('whose task somebody else changes is theirs', async () => {
      await made(scene.alice, namespace, agentRun('changed'));
      const path = pathOf('AgentRun', namespace, 'changed');
      const { body } = await scene.bob.api.call<Stored>('PATCH', path, { body: { spec: { task: 'Else.' } } });
      expectStamped(scene, body, BOB);
    });

    it('has no Job where its controller is not listed', async () => {
      const run = await made(scene.alice, strict, agentRun('strict'));
      expect(await notMade(the('sympozium'), strict, jobOf(run))).toContain('[ControllerNotAttributed]');
    });

    it('that a service account starts has no Job, as it is refused itself', async () => {
      expect(await notMade(the('sympozium'), namespace, agentRun('by-bot'))).toMatch(/^\[(NotHuman|OwnerMissing)\]/);
    });
  });

  describe('a JobSet', () => {
    it('has the name of who submitted it in the pods of each of its Jobs', async () => {
      const set = await made(scene.alice, namespace, jobSet('set'));
      for (const [index, job] of ['leader', 'worker'].entries()) {
        const child = await made(the('jobset'), namespace, replicaOf(set, index));
        expectCustody(scene, child, ALICE, set);
        const [pod] = await scene.store.untilPods(namespace, `set-${job}`, 1);
        if (pod === undefined) throw new Error('there is no pod');
        expect(kindsOf(await expectLineage(scene, pod, ALICE))).toEqual(['Pod', 'Job', 'JobSet']);
      }
    });

    it('has no Job of another template, and none where its controller is not listed', async () => {
      const set = await made(scene.alice, namespace, jobSet('other-set'));
      const { spec, ...rest } = replicaOf(set, 0);
      const template = { spec: { restartPolicy: 'Never', containers: [{ ...APP, args: ['evil'] }] } };
      const evil = { ...rest, spec: { ...spec, template } };
      expect(await notMade(the('jobset'), namespace, evil)).toContain('[NotFromTemplate]');
      const elsewhere = await made(scene.alice, strict, jobSet('strict-set'));
      expect(await notMade(the('jobset'), strict, replicaOf(elsewhere, 0))).toContain('[ControllerNotAttributed]');
    });
  });
});

const claimed = { annotations: { 'countersign.dev/on-behalf-of': ALICE } };
