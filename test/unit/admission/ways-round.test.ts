import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/json.ts';
import { codeOf } from '../../../src/admission/verdict.ts';
import { holderOf } from '../../../src/lineage/standing.ts';
import { findKind, WORKLOAD_KINDS } from '../../../src/lineage/kinds.ts';
import type { UnsignedClaims } from '../../../src/stamp/claims.ts';
import { signStamp } from '../../../src/stamp/jws.ts';
import { ALICE, BOB } from '../support/reviews.ts';
import { deployment, podOf, template, workload } from '../support/workloads.ts';
import { account, controller, madeFor, SINCE, withMetadata, World } from '../support/world.ts';

/** Ways round that were open: each of these was tried with success before what stops it was there. */

const CRON_JOBS = controller('cronjob-controller');
const STATEFUL_SETS = controller('statefulset-controller');
const SANDBOXES = account('sandbox-system', 'controller');

/** What a forged review is answered with: a genuine statement about an object, in a name of the attacker's choice. */
function forged(world: World, object: JsonObject, operator: string): string {
  const kind = findKind(WORKLOAD_KINDS, { group: 'batch', kind: object['kind'] as string });
  if (kind === undefined) throw new Error('no such kind');
  const { group, name, digest = '' } = holderOf(object, kind);
  const claims: UnsignedClaims = {
    typ: 'stamp',
    op: operator,
    how: 'direct',
    rule: 'people',
    req: { user: `oidc:${operator}`, groups: [] },
    role: 'arn:aws:iam::111122223333:role/agent',
    ns: world.namespace,
    gov: SINCE,
    holder: { group, kind: kind.kind, name },
    dig: digest,
  };
  return signStamp(claims, world.keys, world.cluster, 0);
}

describe('a CronJob', () => {
  const cronJob = (image: string, stamp?: string): JsonObject =>
    workload('batch/v1', 'CronJob', 'night', {
      jobTemplate: {
        ...(stamp !== undefined && { metadata: { annotations: { 'countersign.dev/stamp': stamp } } }),
        spec: { template: template(image) },
      },
    });
  /** The controller gives its Jobs the annotations of the template, and none of the CronJob. */
  const jobFor = (owner: JsonObject): JsonObject => {
    const { jobTemplate } = owner['spec'] as { jobTemplate: { metadata?: JsonObject; spec: JsonObject } };
    const annotations = jobTemplate.metadata?.['annotations'] ?? {};
    return workload('batch/v1', 'Job', 'night-1', jobTemplate.spec, { ...madeFor(owner), annotations });
  };

  it('hands no stamp on that stands in its template, when its own does not count', async () => {
    const world = new World();
    const stamp = forged(world, cronJob('evil:1'), 'alice');
    const planted = await world.write(cronJob('evil:1', stamp), BOB);
    // Its holder is not what it says any more, as after a change of generateName.
    const { annotations, ...metadata } = planted['metadata'] as { annotations: JsonObject };
    const bare = world.store({ ...planted, metadata });
    expect(await world.refusal(jobFor(bare), CRON_JOBS)).toBe('OwnerNotAttributed');
    expect(annotations).toHaveProperty(['countersign.dev/stamp']);
  });

  it('nor when its controller works from an old copy', async () => {
    const world = new World();
    const stamp = forged(world, cronJob('evil:1'), 'alice');
    const before = await world.write(cronJob('evil:1', stamp), BOB);
    const { uid } = before['metadata'] as { uid: string };
    await world.write(withMetadata(cronJob('app:2', stamp), { uid }), BOB);
    expect(await world.refusal(jobFor(before), CRON_JOBS)).toBe('StampMisfit');
  });
});

describe('a template', () => {
  const annotated = { ...template(), metadata: { annotations: { 'sidecar.istio.io/proxyImage': 'evil:1' } } };

  it.each([
    ['by a service account that lives here', account('agents', 'ci')],
    ['by a service account that shows no token', { ...account('elsewhere', 'ci'), extra: {} }],
  ])('is not given annotations for injectors %s', async (_, requester) => {
    const world = new World();
    const owner = await world.write(deployment());
    const changed = { ...owner, spec: { ...(owner['spec'] as JsonObject), template: annotated } };
    expect(await world.refusal(changed, requester)).toBe('TemplateChanged');
  });

  it('is given none by a revision with the same containers', async () => {
    const world = new World();
    const owner = await world.write(workload('apps/v1', 'StatefulSet', 'db', { template: template() }));
    const revision = {
      ...workload('apps/v1', 'ControllerRevision', 'db-1', {}, madeFor(owner)),
      data: { spec: { template: { ...template(), ...annotated } } },
      revision: 1,
    };
    await world.write(revision, BOB);
    const pod = podOf('app:1', { ...madeFor(owner), labels: { 'controller-revision-hash': 'db-1' } });
    expect(await world.refusal(pod, STATEFUL_SETS)).toBe('OwnerNotAttributed');
  });
});

describe('the claims of a Sandbox, whose volumes come in the place of the template’s', () => {
  const spec = { carriers: [{ name: 'sandboxes', preset: 'agent-sandbox', username: SANDBOXES.username }] };
  const sandbox = (claims?: string): JsonObject =>
    workload('agents.x-k8s.io/v1beta1', 'Sandbox', 'box', {
      podTemplate: template('app:1', { volumes: [{ name: 'tools', configMap: { name: 'tools' } }] }),
      ...(claims !== undefined && { volumeClaimTemplates: [{ metadata: { name: claims } }] }),
    });

  it('make whoever changes them the author', async () => {
    const world = new World(spec);
    await world.write(sandbox());
    expect(world.claims(await world.write(sandbox('tools'), BOB), 'stamp')).toMatchObject({ op: 'bob' });
    expect(world.claims(await world.write(sandbox('tools'), ALICE), 'stamp')).toMatchObject({ op: 'bob' });
  });

  it('are not changed by a machine, but for the one that makes the pods', async () => {
    const world = new World(spec);
    const owner = await world.write(sandbox());
    const changed = withMetadata(sandbox('tools'), owner['metadata'] as JsonObject);
    expect(await world.refusal(changed, account('elsewhere', 'ci'))).toBe('TemplateChanged');
    expect(world.claims(await world.write(changed, SANDBOXES), 'stamp')).toMatchObject({ op: 'alice' });
  });

  it('nor by an adjuster along with what it may change', async () => {
    const adjuster = account('kueue-system', 'kueue');
    const world = new World({
      adjusters: [{ name: 'kueue', username: adjuster.username, fields: ['spec.nodeSelector'] }],
    });
    const owner = await world.write(sandbox());
    const { podTemplate } = sandbox()['spec'] as { podTemplate: { spec: JsonObject } };
    const adjusted = { ...podTemplate, spec: { ...podTemplate.spec, nodeSelector: { pool: 'a' } } };
    const both = { ...owner, spec: { podTemplate: adjusted, volumeClaimTemplates: [{ metadata: { name: 'tools' } }] } };
    expect(await world.refusal(both, adjuster)).toBe('TemplateChanged');
  });
});

describe('a ReplicaSet whose template was put right while pods of another one are being made', () => {
  const sets = controller('replicaset-controller');
  const tokenVolume = {
    name: 'kube-api-access-x',
    projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3607 } }] },
  };

  async function attempt(spec: JsonObject, seen: number, generation = 3): Promise<string> {
    const world = new World();
    const written = await world.write(workload('apps/v1', 'ReplicaSet', 'web', { template: template() }));
    const set = world.store({ ...withMetadata(written, { generation }), status: { observedGeneration: seen } });
    const pod = { ...podOf('app:1', madeFor(set)), spec };
    return codeOf(await world.decide(world.review('CREATE', pod, sets)));
  }

  const app = { name: 'app', image: 'app:1' };

  it.each<[string, JsonObject]>([
    ['another container', { containers: [app, { name: 'evil', image: 'evil:1' }] }],
    ['another init container', { initContainers: [{ name: 'evil', image: 'evil:1' }], containers: [app] }],
    ['another variable', { containers: [{ ...app, env: [{ name: 'LD_PRELOAD', value: '/evil/lib.so' }] }] }],
    ['another mount', { containers: [{ ...app, volumeMounts: [{ name: 'evil', mountPath: '/usr/bin' }] }] }],
  ])('gets none with %s until its controller has seen that', async (_, spec) => {
    expect(await attempt(spec, 2)).toBe('StampMisfit');
    expect(await attempt(spec, 3)).toBe('Attributed');
    expect(await attempt(spec, 0, 1)).toBe('Attributed');
  });

  it('gets those that are its template’s, with what the API server and Countersign put there', async () => {
    const mounts = [
      { name: 'kube-api-access-x', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
    ];
    const container = { ...app, volumeMounts: mounts, env: [{ name: 'AWS_ROLE_ARN', value: '' }] };
    expect(await attempt({ volumes: [tokenVolume], containers: [container] }, 2)).toBe('Attributed');
  });
});
