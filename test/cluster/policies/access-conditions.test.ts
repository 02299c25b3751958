import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Call } from '../admission/support/api.ts';
import { Countersign } from '../admission/support/countersign.ts';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { type Recorder, startRecorder } from './support/recorder.ts';
import { renderedConfigurations } from './support/rendered.ts';
import { grant, revoke } from './support/rights.ts';

const cluster = connect();
const NODE = 'with-ways';
const ACCESS = ['access.countersign.dev'];
const UNENFORCED = ['unenforced.access.countersign.dev'];
const BREAKS_GLASS = ['break-glass.countersign.dev'];

interface Way {
  readonly subresource: string;
  readonly method: string;
  readonly body?: object;
}

describe.skipIf(cluster.unavailable)('about ways into running pods Countersign is asked', () => {
  const people = new Countersign(cluster);
  const namespaces: Record<string, string> = {};
  let recorder: Recorder;
  let eve: Person;
  let olga: Person;
  const roles: string[] = [];

  beforeAll(async () => {
    for (const mode of ['enforce', 'warn', 'audit']) {
      namespaces[mode] = await people.governedNamespace('any', { mode });
    }
    namespaces['free'] = await people.namespace();
    // Resources are changed in place only where a node has enough of them.
    const status = { capacity: { cpu: '1' }, allocatable: { cpu: '1' } };
    await people.admin.call('POST', '/api/v1/nodes', { body: { metadata: { name: NODE }, status } });
    const container = { ...APP, resources: { requests: { cpu: '5m' } } };
    for (const namespace of Object.values(namespaces)) {
      await people.admin.createPod(namespace, {
        metadata: { name: 'runs' },
        spec: { nodeName: NODE, containers: [container] },
      });
    }
    eve = await people.person('eve@acme.com');
    olga = await people.person('olga@acme.com');
    // The built-in role has the first three ways; the others are for whoever debugs.
    const ways = { apiGroups: [''], resources: ['pods/ephemeralcontainers', 'pods/resize'], verbs: ['patch'] };
    const verb = { apiGroups: ['countersign.dev'], resources: ['attributionpolicies'], verbs: ['break-glass'] };
    roles.push(await grant(people, 'eve@acme.com', [ways]), await grant(people, 'olga@acme.com', [ways, verb]));
    recorder = await startRecorder(cluster, people.admin, renderedConfigurations());
    await until('the API server asks', async () => (await webhooksFor(eve, 'enforce', exec)).length > 0);
  });
  afterAll(async () => {
    await recorder?.stop();
    await people.admin.call('DELETE', `/api/v1/nodes/${NODE}`);
    for (const role of roles) await revoke(people, role);
  });

  const ephemeral = { ephemeralContainers: [{ name: 'debug', image: 'busybox' }] };
  const exec: Way = { subresource: 'exec', method: 'POST' };
  const WAYS: readonly Way[] = [
    exec,
    { subresource: 'attach', method: 'POST' },
    { subresource: 'portforward', method: 'POST' },
    { subresource: 'ephemeralcontainers', method: 'PATCH', body: { spec: ephemeral } },
    {
      subresource: 'resize',
      method: 'PATCH',
      body: { spec: { containers: [{ name: 'app', resources: { requests: { cpu: '10m' } } }] } },
    },
  ];

  /** The webhooks that are asked when somebody goes this way. There is no node: nobody gets anywhere. */
  async function webhooksFor(
    person: Pick<Person, 'api'>,
    mode: string,
    { subresource, method, body }: Way,
    more: Call['headers'] = {},
  ): Promise<string[]> {
    const before = recorder.asked.length;
    const query = method === 'POST' ? 'command=id&stdin=true&ports=80' : 'dryRun=All';
    const path = `/api/v1/namespaces/${namespaces[mode]}/pods/runs/${subresource}?${query}`;
    const headers = { 'content-type': 'application/strategic-merge-patch+json', ...more };
    // The API server's answer to what it cannot connect need not be JSON.
    await person.api.call(method, path, { body, headers }).catch(() => undefined);
    // What other files left in the cluster, a CronJob for one, goes on.
    const asked = recorder.asked.slice(before).filter(({ namespace }) => namespace === namespaces[mode]);
    expect(new Set(asked.map(({ resource }) => resource))).toEqual(
      new Set(asked.length > 0 ? [`pods/${subresource}`] : []),
    );
    return asked.map(({ webhook }) => webhook);
  }

  it.each(WAYS)('$subresource', async (way) => {
    expect(await webhooksFor(eve, 'enforce', way)).toEqual(ACCESS);
    expect(await webhooksFor(eve, 'warn', way)).toEqual(UNENFORCED);
    expect(await webhooksFor(eve, 'audit', way)).toEqual(UNENFORCED);
    expect(await webhooksFor(eve, 'free', way)).toEqual([]);
  });

  it.each(WAYS)('$subresource: only for the record, when who goes it may break glass', async (way) => {
    for (const mode of ['enforce', 'warn', 'audit']) expect(await webhooksFor(olga, mode, way)).toEqual(BREAKS_GLASS);
    expect(await webhooksFor(olga, 'free', way)).toEqual([]);
  });

  it.each(WAYS)('$subresource: by an agent, as by anybody, whose operator may break glass', async (way) => {
    const mark = {
      'impersonate-user': 'olga@acme.com',
      'impersonate-group': ['system:authenticated'],
      'impersonate-extra-countersign.dev%2fsession': 'a-pod',
    };
    expect(await webhooksFor({ api: people.admin }, 'enforce', way, mark)).toEqual(ACCESS);
    expect(await webhooksFor({ api: people.admin }, 'audit', way, mark)).toEqual(UNENFORCED);
  });
});
