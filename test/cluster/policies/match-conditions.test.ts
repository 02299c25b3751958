import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WORKLOAD_KINDS, type WorkloadKind } from '../../../src/lineage/kinds.ts';
import { ANNOTATION, LABEL } from '../../../src/names.ts';
import { Api } from '../admission/support/api.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { type Recorder, startRecorder } from './support/recorder.ts';
import { renderedConfigurations } from './support/rendered.ts';
import { objectOf, outsiders, pathOf } from './support/workloads.ts';

const cluster = connect();
const STAMPED = { [ANNOTATION.stamp]: 'a.b.c' };

const resourceOf = ({ resource }: WorkloadKind): string => resource;
const kindOf = (resource: string): WorkloadKind => {
  const found = WORKLOAD_KINDS.find((kind) => kind.resource === resource);
  if (found === undefined) throw new Error(`${resource} is not in the table`);
  return found;
};

const MUTATES = 'workloads.countersign.dev';

// Each by the webhook that changes things and by the guard, which looks at what became of it.
describe.skipIf(cluster.unavailable)('Countersign is asked about workloads', () => {
  let admin: Api;
  let namespace: string;
  let recorder: Recorder;

  beforeAll(async () => {
    admin = new Api(cluster.adminKubeconfig);
    await outsiders.install(cluster);
    namespace = await cluster.newNamespace({ [LABEL.policy]: 'any' });
    recorder = await startRecorder(cluster, admin, renderedConfigurations());
    const probe = objectOf(kindOf('deployments'), 'probe');
    await until('the API server asks', async () => {
      await admin.call('POST', `${pathOf(kindOf('deployments'), namespace)}?dryRun=All`, { body: probe });
      return new Set(recorder.asked.map(({ webhook }) => webhook)).size === 2;
    });
    for (const kind of WORKLOAD_KINDS) {
      for (const [name, annotations] of [
        ['stamped', STAMPED],
        ['unstamped', {}],
      ] as const) {
        const body = objectOf(kind, name, annotations);
        const { status, body: answer } = await admin.call('POST', pathOf(kind, namespace), { body });
        if (status !== 201) throw new Error(`${kind.kind} ${name}: ${answer.message}`);
      }
    }
  });
  afterAll(async () => {
    await recorder?.stop();
    await outsiders.remove(cluster);
  });

  /** Whether the API server asks about a change of the kind's object of this name. The change itself is not made. */
  async function isAsked(resource: string, name: string, change: object): Promise<boolean> {
    const before = recorder.asked.length;
    const { status, body } = await admin.call('PATCH', `${pathOf(kindOf(resource), namespace)}/${name}?dryRun=All`, {
      body: change,
    });
    // What may not change at all is refused after the webhook was asked.
    if (status !== 200 && status !== 422) throw new Error(`${resource}/${name}: ${status} ${body.message}`);
    const asked = recorder.asked.slice(before).filter((each) => each.dryRun && each.name === name);
    const webhooks = asked.map(({ webhook }) => webhook);
    // What the API server itself refuses does not get as far as the guard.
    const all = status === 200 ? [MUTATES, 'guard.countersign.dev'] : [MUTATES];
    expect(webhooks).toEqual(webhooks.length === 0 ? [] : all);
    return webhooks.length > 0;
  }

  it('about the creation of every kind', () => {
    const created = recorder.asked.filter(
      ({ operation, name, webhook }) => operation === 'CREATE' && name === 'stamped' && webhook === MUTATES,
    );
    expect(created.map(({ resource }) => resource).toSorted()).toEqual(WORKLOAD_KINDS.map(resourceOf).toSorted());
  });

  const labels = { metadata: { labels: { team: 'red' } } };

  it.each(WORKLOAD_KINDS.map(resourceOf))('not about a label of %s with a stamp', async (resource) => {
    expect(await isAsked(resource, 'stamped', labels)).toBe(false);
  });

  it.each(WORKLOAD_KINDS.map(resourceOf))('about a label of %s without, so that they are adopted', async (resource) => {
    expect(await isAsked(resource, 'unstamped', labels)).toBe(true);
  });

  const image = { spec: { containers: [{ name: 'app', image: 'another' }] } };
  it.each<[string, object]>([
    ['replicationcontrollers', { spec: { template: image } }],
    ['replicasets', { spec: { template: { metadata: { annotations: { a: 'b' } } } } }],
    ['deployments', { spec: { template: image } }],
    ['statefulsets', { spec: { template: { metadata: { labels: { more: 'x' } } } } }],
    ['daemonsets', { spec: { template: { spec: { hostNetwork: true } } } }],
    ['controllerrevisions', { revision: 7 }],
    ['controllerrevisions', { data: { spec: { template: image } } }],
    ['jobs', { spec: { template: { spec: { nodeSelector: { a: 'b' } } } } }],
    ['cronjobs', { spec: { jobTemplate: { spec: { template: image } } } }],
    ['jobsets', { spec: { replicatedJobs: [{ name: 'other' }] } }],
    ['jobsets', { spec: { replicatedJobs: null } }],
    ['sandboxes', { spec: { podTemplate: image } }],
    ['sandboxes', { spec: { volumeClaimTemplates: [{ metadata: { name: 'data' } }] } }],
    ['sandboxclaims', { spec: { sandboxTemplateRef: { name: 'another' } } }],
    ['agentruns', { spec: { task: 'something else' } }],
    ['agentruns', { spec: { model: { model: 'another' } } }],
    ['agentruns', { spec: { systemPrompt: 'which was not there' } }],
    ['agentruns', { spec: { model: { baseURL: 'https://example.com' } } }],
    ['deployments', { metadata: { annotations: { [ANNOTATION.stamp]: 'd.e.f' } } }],
    ['deployments', { metadata: { annotations: { [ANNOTATION.stamp]: null } } }],
    ['deployments', { metadata: { annotations: { [ANNOTATION.custody]: '' } } }],
    ['agentruns', { metadata: { annotations: { [ANNOTATION.restamp]: 'x' } } }],
    ['jobs', { metadata: { annotations: null } }],
  ])('about a change of %s that matters: %j', async (resource, change) => {
    expect(await isAsked(resource, 'stamped', change)).toBe(true);
  });

  it.each<[string, object]>([
    ['deployments', { spec: { replicas: 5, paused: true } }],
    ['deployments', { metadata: { annotations: { 'deployment.kubernetes.io/revision': '4' } } }],
    ['replicasets', { metadata: { finalizers: ['example.com/x'] } }],
    ['jobs', { spec: { parallelism: 3 } }],
    ['cronjobs', { spec: { schedule: '1 1 1 1 1', suspend: true } }],
    ['jobsets', { spec: { suspend: true } }],
    ['sandboxes', { spec: { replicas: 0 } }],
    ['agentruns', { status: { phase: 'Running' } }],
  ])('not about a change of %s that is nobody’s: %j', async (resource, change) => {
    expect(await isAsked(resource, 'stamped', change)).toBe(false);
  });

  it('not about status and scale', async () => {
    expect(await isAsked('deployments', 'stamped/scale', { spec: { replicas: 2 } })).toBe(false);
    expect(await isAsked('deployments', 'unstamped/status', { metadata: { annotations: { a: 'b' } } })).toBe(false);
  });

  it('not about the last finalizer of what is being deleted, which must go also without Countersign', async () => {
    const jobs = pathOf(kindOf('jobs'), namespace);
    const body = objectOf(kindOf('jobs'), 'going');
    const finalizers = ['example.com/wait'];
    const made = await admin.call('POST', jobs, { body: { ...body, metadata: { name: 'going', finalizers } } });
    expect(made.status).toBe(201);
    await admin.call('DELETE', `${jobs}/going?propagationPolicy=Background`);
    expect(await isAsked('jobs', 'going', { metadata: { finalizers: null } })).toBe(false);
    await admin.call('PATCH', `${jobs}/going`, { body: { metadata: { finalizers: null } } });
  });
});
