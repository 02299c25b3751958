import { describe, expect, it } from 'vitest';
import { breakGlass } from '../../../src/admission/break-glass.ts';
import { reviewNamespace } from '../../../src/admission/namespace-review.ts';
import type { Outcome } from '../../../src/admission/outcome.ts';
import type { Review } from '../../../src/admission/review.ts';
import { applyMode } from '../../../src/admission/verdict.ts';
import type { JsonObject } from '../../../src/json.ts';
import { ALICE, BOB, patchedBy } from '../support/reviews.ts';
import { deployment, podOf, template } from '../support/workloads.ts';
import { account, annotation, SESSION, withMetadata, World } from '../support/world.ts';

const NAMED = { name: 'agent', namespace: 'agents' };

function code(outcome: Outcome): string {
  return outcome.kind === 'refused' ? outcome.denial.code : outcome.kind === 'untouched' ? outcome.code : outcome.kind;
}

describe('the guard of pods', () => {
  async function final(world: World): Promise<JsonObject> {
    const pod = podOf('app:1', NAMED);
    const outcome = await world.decide(world.review('CREATE', pod, ALICE));
    if (outcome.kind !== 'attributed') throw new Error(JSON.stringify(outcome));
    return patchedBy(pod, outcome.operations);
  }

  async function judge(change: (pod: JsonObject, world: World) => JsonObject | Promise<JsonObject>): Promise<string> {
    const world = new World();
    const changed = await change(await final(world), world);
    return code(await world.guard(world.review('CREATE', changed, ALICE)));
  }

  it('lets through what Countersign planned', async () => {
    expect(await judge((pod) => pod)).toBe('Permitted');
  });

  it('lets through what others added beside it', async () => {
    expect(await judge((pod) => withMetadata(pod, { labels: { injected: 'yes' } }))).toBe('Permitted');
  });

  it('lets through a token volume of the EKS webhook that no container mounts, before or after ours', async () => {
    const token = { audience: 'sts.amazonaws.com', expirationSeconds: 86_400, path: 'token' };
    const value = { name: 'aws-iam-token', projected: { sources: [{ serviceAccountToken: token }] } };
    expect(await judge((pod) => patchedBy(pod, [{ op: 'add', path: '/spec/volumes/-', value }]))).toBe('Permitted');
    expect(await judge((pod) => patchedBy(pod, [{ op: 'add', path: '/spec/volumes/0', value }]))).toBe('Permitted');
    const mount = { name: 'aws-iam-token', mountPath: '/token' };
    expect(
      await judge((pod) =>
        patchedBy(pod, [
          { op: 'add', path: '/spec/volumes/-', value },
          { op: 'add', path: '/spec/containers/0/volumeMounts/-', value: mount },
        ]),
      ),
    ).toBe('PodChanged');
  });

  it.each<[string, string, (pod: JsonObject, world: World) => JsonObject | Promise<JsonObject>]>([
    ['without a stamp', 'PodNotStamped', (pod) => withMetadata(pod, { annotations: {} })],
    [
      'with the stamp of another pod',
      'PodNotStamped',
      async (pod, world) => {
        const other = await world.decide(world.review('CREATE', podOf('app:1', { ...NAMED, name: 'other' }), ALICE));
        if (other.kind !== 'attributed') throw new Error();
        const stamp = annotation(patchedBy(podOf('app:1', NAMED), other.operations), 'stamp') ?? '';
        const { annotations } = pod['metadata'] as { annotations: JsonObject };
        return withMetadata(pod, { annotations: { ...annotations, 'countersign.dev/stamp': stamp } });
      },
    ],
    ['whose session container was changed', 'PodChanged', (pod) => edit(pod, '/spec/initContainers/0/image', 'evil:1')],
    ['whose operator was changed', 'PodChanged', (pod) => edit(pod, '/spec/containers/0/env/0/value', 'bob')],
    [
      'with a container that was added without a session',
      'PodChanged',
      (pod) => patchedBy(pod, [{ op: 'add', path: '/spec/containers/-', value: { name: 'late', image: 'late:1' } }]),
    ],
    [
      'with a token that was added',
      'TokenProjection',
      (pod) =>
        patchedBy(pod, [
          {
            op: 'add',
            path: '/spec/volumes/-',
            value: { name: 't', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'x' } }] } },
          },
        ]),
    ],
    [
      'after the role went out of the policy',
      'StampMisfit',
      (pod, world) => {
        world.spec = { session: { ...SESSION_SPEC, region: 'us-east-1' } };
        return pod;
      },
    ],
  ])('refuses one %s', async (_title, expected, change) => {
    expect(await judge(change)).toBe(expected);
  });
});

const SESSION_SPEC = {
  identity: 'pod-identity',
  region: 'eu-central-1',
  roles: [{ arn: 'arn:aws:iam::111122223333:role/agent' }],
};

function edit(pod: JsonObject, path: string, value: string): JsonObject {
  return patchedBy(pod, [{ op: 'replace', path, value }]);
}

describe('the guard of workloads', () => {
  it('refuses one without a stamp, and one that another webhook altered', async () => {
    const world = new World();
    const bare = world.review('CREATE', deployment(), ALICE);
    expect(code(await world.guard(bare))).toBe('ObjectNotStamped');
    const outcome = await world.decide(bare);
    if (outcome.kind !== 'stamped') throw new Error(JSON.stringify(outcome));
    const stamped = patchedBy(deployment(), outcome.operations);
    expect(code(await world.guard({ ...bare, object: stamped }))).toBe('Permitted');
    const altered = { ...stamped, spec: { template: template('other:1') } };
    expect(code(await world.guard({ ...bare, object: altered }))).toBe('TemplateAltered');
  });
});

describe('a way into a session', () => {
  async function enter(subResource: string, requester = ALICE, object: JsonObject = {}): Promise<string> {
    const world = new World();
    const pod = await world.write(podOf('app:1', NAMED));
    return code(await world.guard(access(world, subResource, requester, object, pod)));
  }

  function access(
    world: World,
    subResource: string,
    requester: typeof ALICE,
    object: JsonObject,
    pod: JsonObject,
  ): Review {
    const update = subResource === 'ephemeralcontainers' || subResource === 'resize';
    return {
      ...world.review('CREATE', pod, requester),
      operation: update ? 'UPDATE' : 'CONNECT',
      subResource,
      object: update ? merged(pod, object) : object,
      oldObject: update ? pod : undefined,
    };
  }

  function merged(pod: JsonObject, spec: JsonObject): JsonObject {
    return { ...pod, spec: { ...(pod['spec'] as JsonObject), ...spec } };
  }

  it.each(['exec', 'attach', 'portforward', 'ephemeralcontainers'])('%s is open to its operator alone', async (way) => {
    expect(await enter(way)).toBe('Permitted');
    expect(await enter(way, BOB)).toBe('NotYourSession');
    expect(await enter(way, account('agents', 'ci'))).toBe('NotYourSession');
    expect(await enter(way, SESSION)).toBe('SessionRequester');
  });

  it.each<[string, JsonObject, string]>([
    ['exec', { container: 'countersign' }, 'SessionContainerClosed'],
    ['attach', { container: 'countersign' }, 'SessionContainerClosed'],
    ['exec', { container: 'app' }, 'Permitted'],
    [
      'ephemeralcontainers',
      { ephemeralContainers: [{ name: 'debug', targetContainerName: 'countersign' }] },
      'SessionContainerClosed',
    ],
    [
      'ephemeralcontainers',
      { ephemeralContainers: [{ name: 'debug', volumeMounts: [{ name: 'countersign-tokens', mountPath: '/t' }] }] },
      'ReservedMount',
    ],
    [
      'ephemeralcontainers',
      {
        ephemeralContainers: [
          {
            name: 'debug',
            env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'countersign-private', path: 'a', key: 'A' } } }],
          },
        ],
      },
      'ReservedMount',
    ],
    ['resize', {}, 'Permitted'],
    ['resize', { initContainers: [] }, 'SessionContainerClosed'],
  ])('%s with %j: %s, also for the operator', async (way, object, expected) => {
    expect(await enter(way, ALICE, object)).toBe(expected);
  });

  it.each(['aws-iam-token', 'eks-pod-identity-token'])(
    'mounts no token that another webhook left in the pod, also for the operator: %s',
    async (name) => {
      const audience = name === 'aws-iam-token' ? 'sts.amazonaws.com' : 'pods.eks.amazonaws.com';
      const sources = [{ serviceAccountToken: { audience, expirationSeconds: 86_400, path: 'token' } }];
      const world = new World();
      const pod = await world.write(podOf('app:1', NAMED));
      // As it stands when that webhook is asked once more after ours, and nobody mounts it.
      const left = patchedBy(pod, [{ op: 'add', path: '/spec/volumes/-', value: { name, projected: { sources } } }]);
      const debug = { name: 'debug', image: 'sh:1', volumeMounts: [{ name, mountPath: '/token' }] };
      const review = (containers: JsonObject[]) =>
        access(world, 'ephemeralcontainers', ALICE, { ephemeralContainers: containers }, left);
      expect(code(await world.guard(review([{ name: 'debug', image: 'sh:1' }])))).toBe('Permitted');
      expect(code(await world.guard(review([debug])))).toBe('TokenProjection');
    },
  );

  it('is as open as ever where there is no session', async () => {
    const world = new World();
    const pod = world.store(podOf('app:1', NAMED));
    expect(code(await world.guard(access(world, 'exec', BOB, {}, pod)))).toBe('NoSession');
  });

  it('is refused when the pod cannot be read', async () => {
    const world = new World();
    const pod = await world.write(podOf('app:1', NAMED));
    world.unreadable = 'the API server did not answer in time';
    expect(code(await world.guard(access(world, 'exec', ALICE, {}, pod)))).toBe('OwnerUnreadable');
  });

  it('is on record for whoever breaks glass', async () => {
    const world = new World();
    const pod = await world.write(podOf('app:1', NAMED));
    const review = access(world, 'exec', BOB, {}, pod);
    const verdict = applyMode(await breakGlass(review, world.governance, world.circumstances), 'audit');
    expect(verdict).toMatchObject({
      allowed: true,
      code: 'BreakGlass',
      auditAnnotations: { operator: 'alice', code: 'BreakGlass' },
    });
    expect(verdict.warnings[0]).toContain('[BreakGlass]');
    const own = access(world, 'exec', ALICE, {}, pod);
    expect(code(await breakGlass(own, world.governance, world.circumstances))).toBe('Permitted');
  });
});

describe('the date of a governance', () => {
  const NOW = Date.parse('2026-11-22T12:00:00Z');
  const KEY = 'countersign.dev/governed-since';
  const namespace = (labels: JsonObject, annotations?: JsonObject): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'agents', labels, ...(annotations && { annotations }) },
  });
  const governedBy = { 'countersign.dev/policy': 'test' };

  function dated(object: JsonObject, oldObject?: JsonObject): unknown {
    const review = { ...new World().review('UPDATE', object, ALICE), oldObject };
    const { operations } = reviewNamespace(review, NOW);
    const { annotations } = patchedBy(object, operations)['metadata'] as { annotations?: JsonObject };
    return annotations?.[KEY];
  }

  it.each<[string, JsonObject, JsonObject | undefined, unknown]>([
    ['begins with the label', namespace(governedBy), namespace({}), '2026-11-22T12:00:00.000Z'],
    ['begins with a new namespace', namespace(governedBy, { [KEY]: 'forged' }), undefined, '2026-11-22T12:00:00.000Z'],
    [
      'begins anew',
      namespace(governedBy, { [KEY]: 'old' }),
      namespace({}, { [KEY]: 'old' }),
      '2026-11-22T12:00:00.000Z',
    ],
    [
      'begins where there was none',
      namespace(governedBy, { [KEY]: 'now' }),
      namespace(governedBy),
      '2026-11-22T12:00:00.000Z',
    ],
    [
      'begins anew after audit, in which anything can be planted',
      namespace({ ...governedBy, 'countersign.dev/mode': 'enforce' }, { [KEY]: 'old' }),
      namespace({ ...governedBy, 'countersign.dev/mode': 'audit' }, { [KEY]: 'old' }),
      '2026-11-22T12:00:00.000Z',
    ],
    [
      'goes on after warn, in which people are to submit what they have',
      namespace(governedBy, { [KEY]: 'old' }),
      namespace({ ...governedBy, 'countersign.dev/mode': 'warn' }, { [KEY]: 'old' }),
      'old',
    ],
    ['stays', namespace(governedBy, { [KEY]: 'forged' }), namespace(governedBy, { [KEY]: 'old' }), 'old'],
    ['stays when it is taken away', namespace(governedBy, {}), namespace(governedBy, { [KEY]: 'old' }), 'old'],
    ['is nobody’s elsewhere', namespace({}), namespace({}), undefined],
  ])('%s', (_title, object, old, expected) => {
    expect(dated(object, old)).toBe(expected);
  });
});
