import { describe, expect, it } from 'vitest';
import { applyMode } from '../../../src/admission/verdict.ts';
import type { JsonObject } from '../../../src/json.ts';
import { ALICE, BOB, patchedBy } from '../support/reviews.ts';
import { deployment, podOf, template, workload } from '../support/workloads.ts';
import { account, annotation, controller, freshKeys, madeFor, SESSION, withMetadata, World } from '../support/world.ts';

const DEPLOYMENTS = controller('deployment-controller');
const REPLICA_SETS = controller('replicaset-controller');

const NO_ROLE_FOR_BOB = {
  identity: 'pod-identity',
  region: 'eu-central-1',
  roles: [{ arn: 'arn:aws:iam::111122223333:role/agent', operators: ['alice'] }],
};

/** The ReplicaSet that the Deployment controller makes: annotations copied down. */
function replicaSetFor(owner: JsonObject, name = 'web-1', image?: string): JsonObject {
  const { template: own } = owner['spec'] as { template: JsonObject };
  const { annotations } = owner['metadata'] as JsonObject;
  const spec = { replicas: 1, template: image === undefined ? own : template(image) };
  return workload('apps/v1', 'ReplicaSet', name, spec, { ...madeFor(owner), annotations: annotations ?? {} });
}

async function chain(world: World, who = ALICE, image = 'app:1') {
  const owner = await world.write(deployment(image), who);
  const set = await world.write(replicaSetFor(owner), DEPLOYMENTS);
  return { owner, set };
}

function operatorOf(pod: JsonObject): unknown {
  const { containers } = pod['spec'] as { containers: { env: { name: string; value: string }[] }[] };
  return containers[0]?.env.find(({ name }) => name === 'FAB_OPERATOR')?.value;
}

async function podFor(world: World, owner: JsonObject, image = 'app:1', by = REPLICA_SETS): Promise<JsonObject> {
  return world.write(podOf(image, madeFor(owner)), by);
}

describe('a Deployment', () => {
  it('brings its author’s name to the pod, over custody of the ReplicaSet', async () => {
    const world = new World();
    const { owner, set } = await chain(world);
    expect(world.claims(owner, 'stamp')).toMatchObject({
      op: 'alice',
      how: 'direct',
      rule: 'people',
      holder: { group: 'apps', kind: 'Deployment', name: 'web' },
      req: { user: 'oidc:alice' },
    });
    const root = { group: 'apps', kind: 'Deployment', name: 'web', uid: 'uid-1' };
    expect(world.claims(set, 'custody')).toMatchObject({ op: 'alice', typ: 'custody', parent: root, root });
    const pod = await podFor(world, set);
    expect(operatorOf(pod)).toBe('alice');
    expect(world.claims(pod, 'stamp')).toMatchObject({ op: 'alice', typ: 'pod', root, parent: { kind: 'ReplicaSet' } });
  });

  it('reads one object for a pod', async () => {
    const world = new World();
    const { set } = await chain(world);
    world.reads.length = 0;
    await world.decide(world.review('CREATE', podOf('app:1', madeFor(set)), REPLICA_SETS));
    expect(world.reads).toEqual(['replicasets/web-1']);
  });

  it('is of whoever changed its template last, and pods of the old ReplicaSet stay whose they were', async () => {
    const world = new World();
    const { owner, set } = await chain(world);
    const changed = await world.write(withMetadata(deployment('app:2'), { uid: 'uid-1' }), BOB);
    expect(world.claims(changed, 'stamp')).toMatchObject({ op: 'bob' });
    const next = await world.write(replicaSetFor(changed, 'web-2'), DEPLOYMENTS);
    expect(operatorOf(await podFor(world, next, 'app:2'))).toBe('bob');
    expect(operatorOf(await podFor(world, set))).toBe('alice');
    expect(owner).not.toEqual(changed);
  });

  it('stays whose it was when somebody else scales, labels or sends other keys', async () => {
    const world = new World();
    const { owner } = await chain(world);
    const stamp = annotation(owner, 'stamp');
    const touched = await world.write(
      withMetadata(
        { ...owner, spec: { replicas: 5, template: template() } },
        { annotations: { 'countersign.dev/stamp': 'forged', 'countersign.dev/custody': 'forged' }, labels: { a: 'b' } },
      ),
      BOB,
    );
    expect(annotation(touched, 'stamp')).toBe(stamp);
    expect(annotation(touched, 'custody')).toBeUndefined();
  });

  it('goes to whoever changes as much as a label of its template', async () => {
    const world = new World();
    const { owner } = await chain(world);
    const relabelled = { ...template(), metadata: { labels: { app: 'agent', other: 'label' } } };
    const changed = await world.write({ ...owner, spec: { replicas: 1, template: relabelled } }, BOB);
    expect(world.claims(changed, 'stamp')).toMatchObject({ op: 'bob' });
  });

  it('is adopted by whoever touches it when it had no stamp', async () => {
    const world = new World();
    const old = world.store(deployment());
    const adopted = await world.write(withMetadata(old, { annotations: { adopted: 'yes' } }), BOB);
    expect(world.claims(adopted, 'stamp')).toMatchObject({ op: 'bob' });
  });

  it('is labelled also by somebody without a role, whose name is not put on it', async () => {
    const world = new World({ session: { ...NO_ROLE_FOR_BOB } });
    const old = world.store(deployment());
    const labelled = await world.write(withMetadata(old, { labels: { a: 'b' } }), BOB);
    expect(annotation(labelled, 'stamp')).toBeUndefined();
    expect(await world.refusal(withMetadata(deployment('app:2'), { uid: 'uid-1' }), BOB)).toBe('NoRole');
  });

  it('is adopted when whoever stood behind it left', async () => {
    const world = new World();
    const { owner, set } = await chain(world);
    world.spec = { left: ['alice'] };
    expect(await world.refusal(podOf('app:1', madeFor(set)), REPLICA_SETS)).toBe('OperatorLeft');
    const adopted = await world.write(withMetadata(owner, { annotations: {} }), BOB);
    expect(world.claims(adopted, 'stamp')).toMatchObject({ op: 'bob' });
  });

  it('hands its new author’s name on when the template came back (undo)', async () => {
    const world = new World();
    const { set } = await chain(world);
    await world.write(withMetadata(deployment('app:2'), { uid: 'uid-1' }), BOB);
    const undone = await world.write(withMetadata(deployment('app:1'), { uid: 'uid-1' }), BOB);
    const { annotations } = undone['metadata'] as JsonObject;
    const synced = await world.write(
      withMetadata(set, { annotations: { ...(annotations as JsonObject) } }),
      DEPLOYMENTS,
    );
    expect(world.claims(synced, 'custody')).toMatchObject({ op: 'bob' });
    expect(annotation(synced, 'stamp')).toBe(annotation(undone, 'stamp'));
    expect(operatorOf(await podFor(world, synced))).toBe('bob');
  });

  it('refuses a ReplicaSet from a stale copy, unless the stamp of that copy came along', async () => {
    const world = new World();
    const { owner } = await chain(world);
    const stale = replicaSetFor(owner, 'web-2');
    await world.write(withMetadata(deployment('app:2'), { uid: 'uid-1' }), BOB);
    expect(world.claims(await world.write(stale, DEPLOYMENTS), 'custody')).toMatchObject({ op: 'alice' });
    const bare = withMetadata(replicaSetFor(owner, 'web-3'), { annotations: {} });
    expect(await world.refusal(bare, DEPLOYMENTS)).toBe('StampMisfit');
  });
});

describe('a ReplicaSet that another Deployment adopted', () => {
  it.each([
    ['is its author’s, when the templates are equal', 'app:1', 'bob'],
    ['stays whose it was, when they are not', 'app:2', 'alice'],
  ])('%s', async (_title, image, operator) => {
    const world = new World();
    const { set } = await chain(world);
    const adopter = await world.write({ ...deployment(image), metadata: { name: 'heir', namespace: 'agents' } }, BOB);
    const adopted = world.store(withMetadata(set, madeFor(adopter)));
    expect(operatorOf(await podFor(world, adopted))).toBe(operator);
  });
});

describe('a pod by a controller is refused', () => {
  it.each<[string, string, (world: World, set: JsonObject) => Promise<[JsonObject, ReturnType<typeof controller>?]>]>([
    [
      'for an owner that does not exist',
      'OwnerMissing',
      async (world, set) => {
        world.objects.delete('replicasets/web-1');
        return [podOf('app:1', madeFor(set))];
      },
    ],
    [
      'for an owner of another uid',
      'OwnerMissing',
      async (_, set) => [podOf('app:1', madeFor(withMetadata(set, { uid: 'other' })))],
    ],
    [
      'for an owner without a stamp',
      'OwnerNotAttributed',
      async (world) => {
        const bare = world.store(workload('apps/v1', 'ReplicaSet', 'bare', { template: template() }));
        return [podOf('app:1', madeFor(bare))];
      },
    ],
    [
      'for a kind that is not known',
      'OwnerUnknown',
      async () => [podOf('app:1', madeFor(workload('example.com/v1', 'Runner', 'r', {}, { uid: '1' })))],
    ],
    [
      'by a controller of another kind',
      'ControllerNotAttributed',
      async (_, set) => [podOf('app:1', madeFor(set)), controller('job-controller')],
    ],
    [
      'by an account that is no controller',
      'ControllerNotAttributed',
      async (_, set) => [podOf('app:1', madeFor(set)), account('agents', 'default')],
    ],
    [
      'by somebody who impersonates the controller',
      'CarrierDoubtful',
      async (_, set) => [podOf('app:1', madeFor(set)), { ...REPLICA_SETS, extra: {} }],
    ],
    ['by a session', 'SessionRequester', async (_, set) => [podOf('app:1', madeFor(set)), SESSION]],
    ['that is not what the template says', 'NotFromTemplate', async (_, set) => [podOf('evil:1', madeFor(set))]],
    [
      'when the template was changed behind the stamp',
      'StampMisfit',
      async (world, set) => {
        world.store({ ...set, spec: { template: template('evil:1') } });
        return [podOf('evil:1', madeFor(set))];
      },
    ],
    [
      'when the API server cannot be read',
      'OwnerUnreadable',
      async (world, set) => {
        world.unreadable = 'the API server did not answer in time';
        return [podOf('app:1', madeFor(set))];
      },
    ],
    [
      'when the key is gone',
      'StampKeyUnknown',
      async (world, set) => {
        world.keys = freshKeys();
        return [podOf('app:1', madeFor(set))];
      },
    ],
    [
      'when the namespace was governed anew',
      'StampFromBefore',
      async (world, set) => {
        world.since = '2026-11-22T11:00:00.000Z';
        return [podOf('app:1', madeFor(set))];
      },
    ],
    [
      'when the namespace does not say since when',
      'GovernanceUndated',
      async (world, set) => {
        world.since = '';
        return [podOf('app:1', madeFor(set))];
      },
    ],
    [
      'with the stamps of another cluster',
      'StampInvalid',
      async (world, set) => {
        world.cluster = 'cluster-2';
        return [podOf('app:1', madeFor(set))];
      },
    ],
    [
      'of a warm pool',
      'WarmPool',
      async (world) => {
        const pool = workload('extensions.agents.x-k8s.io/v1beta1', 'SandboxWarmPool', 'pool', {}, { uid: 'p' });
        const sandbox = world.store(
          workload('agents.x-k8s.io/v1beta1', 'Sandbox', 's', { podTemplate: template() }, madeFor(pool)),
        );
        world.spec = { carriers: [{ name: 's', preset: 'agent-sandbox', username: account('sb', 'c').username }] };
        return [podOf('app:1', madeFor(sandbox)), account('sb', 'c')];
      },
    ],
  ])('%s', async (_title, code, prepare) => {
    const world = new World();
    const { set } = await chain(world);
    const [pod, by = REPLICA_SETS] = await prepare(world, set);
    expect(await world.refusal(pod, by)).toBe(code);
  });
});

describe('a workload', () => {
  it.each([
    ['by a service account', account('agents', 'ci'), 'NotHuman'],
    ['by a session', SESSION, 'SessionRequester'],
    ['by somebody whom no rule knows', { ...ALICE, username: 'carol' }, 'NoOperatorRule'],
  ])('%s is refused where a person sees it', async (_title, requester, code) => {
    expect(await new World().refusal(deployment(), requester)).toBe(code);
  });

  it('that claims somebody else is refused', async () => {
    const claiming = workload('apps/v1', 'Deployment', 'web', {
      template: template('app:1', {
        containers: [{ name: 'app', image: 'app:1', env: [{ name: 'FAB_OPERATOR', value: 'bob' }] }],
      }),
    });
    expect(await new World().refusal(claiming)).toBe('OperatorClaimedByOther');
  });

  it('that could not start is refused', async () => {
    const shared = workload('apps/v1', 'Deployment', 'web', {
      template: template('a', { shareProcessNamespace: true }),
    });
    expect(await new World().refusal(shared)).toBe('SharedProcessNamespace');
  });

  it('by a delegator is of whom it names', async () => {
    const bot = account('bots', 'bot');
    const world = new World({
      delegators: [{ name: 'bot', match: { username: bot.username }, operators: ['[a-z]+'] }],
    });
    const named = deployment('app:1', { annotations: { 'countersign.dev/on-behalf-of': 'dave' } });
    const stored = await world.write(named, bot);
    expect(world.claims(stored, 'stamp')).toMatchObject({ op: 'dave', how: 'delegated', by: bot.username });
    expect(await new World(world.spec).refusal(deployment(), bot)).toBe('DelegatorNamedNobody');
  });

  it('keeps its name when a machine writes it and changes nothing that runs', async () => {
    const world = new World();
    const owner = await world.write(deployment());
    const touched = await world.write(
      withMetadata(owner, { annotations: { 'countersign.dev/stamp': 'forged' } }),
      account('agents', 'ci'),
    );
    expect(annotation(touched, 'stamp')).toBe(annotation(owner, 'stamp'));
  });

  it.each([
    ['a machine', account('agents', 'ci'), 'TemplateChanged'],
    ['a session', SESSION, 'SessionRequester'],
    ['a stranger', { ...ALICE, username: 'carol' }, 'NoOperatorRule'],
  ])('is not changed by %s', async (_title, requester, code) => {
    const world = new World();
    await world.write(deployment());
    expect(await world.refusal(deployment('evil:1'), requester)).toBe(code);
  });

  it('is changed by an adjuster where the policy lets it, and keeps its name', async () => {
    const queue = account('kueue-system', 'kueue');
    const world = new World({
      adjusters: [{ name: 'kueue', username: queue.username, fields: ['spec.nodeSelector'] }],
    });
    await world.write(deployment());
    const placed = { replicas: 1, template: template('app:1', { nodeSelector: { pool: 'a' } }) };
    const adjusted = await world.write({ ...deployment(), spec: placed }, queue);
    expect(world.claims(adjusted, 'stamp')).toMatchObject({ op: 'alice', adjusted: ['kueue'] });
    expect(await world.refusal(deployment('evil:1'), queue)).toBe('TemplateChanged');
  });

  it('is restamped by whoever may, with the reason', async () => {
    const world = new World();
    const owner = await world.write(deployment());
    world.keys = freshKeys();
    const wish = { annotations: { 'countersign.dev/restamp': '{"operator":"dave","reason":"the key was lost"}' } };
    expect(await world.refusal(withMetadata(owner, wish), BOB)).toBe('RestampNotAllowed');
    world.restampers.add(BOB.username);
    const again = await world.write(withMetadata(owner, wish), BOB);
    expect(annotation(again, 'restamp')).toBeUndefined();
    expect(world.claims(again, 'stamp')).toMatchObject({
      op: 'dave',
      how: 'restamped',
      by: 'oidc:bob',
      reason: 'the key was lost',
    });
    const both = { ...withMetadata(owner, wish), spec: { template: template('evil:1') } };
    expect(await world.refusal(both, BOB)).toBe('RestampUnclear');
  });

  it('that is refused brings no statement through a mode that lets it pass', async () => {
    const world = new World();
    const planted = deployment('app:1', { annotations: { 'countersign.dev/stamp': 'planted', other: 'stays' } });
    const outcome = await world.decide(world.review('CREATE', planted, account('agents', 'ci')));
    const { allowed, operations } = applyMode(outcome, 'warn');
    expect(allowed).toBe(true);
    expect(patchedBy(planted, operations)).toEqual(deployment('app:1', { annotations: { other: 'stays' } }));
    expect(applyMode(outcome, 'audit').operations).toEqual([]);
  });

  it('with a number beyond 2^53 is refused', async () => {
    const large = workload('apps/v1', 'Deployment', 'web', { template: template('a', { x: 2 ** 53 }) });
    expect(await new World().refusal(large)).toBe('TemplateNotComparable');
  });
});

describe('a StatefulSet’s pod', () => {
  const SETS = controller('statefulset-controller');
  const set = (image: string, metadata: JsonObject = {}): JsonObject =>
    workload('apps/v1', 'StatefulSet', 'db', { template: template(image) }, metadata);
  const revisionOf = (owner: JsonObject, name: string, revision = 1): JsonObject => {
    const { template: own } = owner['spec'] as { template: JsonObject };
    const { annotations } = owner['metadata'] as JsonObject;
    return {
      ...workload('apps/v1', 'ControllerRevision', name, {}, { ...madeFor(owner), annotations: annotations ?? {} }),
      spec: undefined,
      data: { spec: { template: { ...own, $patch: 'replace' } } },
      revision,
    };
  };
  const member = (owner: JsonObject, image: string, hash: string): JsonObject =>
    podOf(image, { ...madeFor(owner), name: 'db-0', labels: { 'controller-revision-hash': hash } });

  it('answers to the revision that it is made from', async () => {
    const world = new World();
    const first = await world.write(set('app:1'));
    await world.write(revisionOf(first, 'db-1'), SETS);
    const second = await world.write(set('app:2', { uid: 'uid-1' }), BOB);
    await world.write(revisionOf(second, 'db-2', 2), SETS);
    expect(operatorOf(await world.write(member(second, 'app:1', 'db-1'), SETS))).toBe('alice');
    world.objects.delete('pods/db-0');
    expect(operatorOf(await world.write(member(second, 'app:2', 'db-2'), SETS))).toBe('bob');
    world.objects.delete('pods/db-0');
    expect(await world.refusal(member(second, 'app:2', 'db-1'), SETS)).toBe('NotFromTemplate');
    expect(await world.refusal(member(second, 'app:1', 'db-9'), SETS)).toBe('OwnerMissing');
  });

  it('is of whoever brought a revision back', async () => {
    const world = new World();
    const first = await world.write(set('app:1'));
    const revision = await world.write(revisionOf(first, 'db-1'), SETS);
    await world.write(set('app:2', { uid: 'uid-1' }), BOB);
    await world.write(set('app:1', { uid: 'uid-1' }), BOB);
    const bumped = await world.write({ ...revision, revision: 3 }, SETS);
    expect(world.claims(bumped, 'stamp')).toMatchObject({ op: 'bob' });
  });

  it('does not believe a revision that a person wrote', async () => {
    const world = new World();
    const first = await world.write(set('app:1'));
    const planted = await world.write(revisionOf(first, 'db-7'), BOB);
    expect(annotation(planted, 'stamp')).toBeUndefined();
  });
});
