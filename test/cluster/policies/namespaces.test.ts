import { beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATION, LABEL } from '../../../src/names.ts';
import type { Person } from '../admission/support/person.ts';
import { connect } from '../fixture.ts';
import { expectDone, expectRefused } from './support/answers.ts';
import { grant, revoke } from './support/rights.ts';
import { useAdmissionPolicies } from './support/use.ts';

const cluster = connect();
const NAMESPACES = '/api/v1/namespaces';
const SINCE = '2026-11-22T20:00:00.000Z';

describe.skipIf(cluster.unavailable)('who a namespace is governed by', () => {
  const away = useAdmissionPolicies(cluster);
  let governed: string;
  let free: string;
  /** Makes and changes namespaces in every way, like a tenant's own operator. */
  let nora: Person;
  /** The same, and may govern. */
  let gus: Person;

  beforeAll(async () => {
    governed = await create({
      labels: { [LABEL.policy]: 'any', [LABEL.mode]: 'enforce', [LABEL.podSecurityEnforce]: 'baseline' },
      annotations: { [ANNOTATION.governedSince]: SINCE },
    });
    free = await create({ labels: { [LABEL.podSecurityEnforce]: 'restricted' } });
    const writes = {
      apiGroups: [''],
      resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
      verbs: ['create', 'update', 'patch', 'get'],
    };
    const verb = { apiGroups: ['countersign.dev'], resources: ['attributionpolicies'], verbs: ['govern'] };
    const roles = [await grant(away, 'nora@acme.com', [writes]), await grant(away, 'gus@acme.com', [writes, verb])];
    nora = await away.person('nora@acme.com');
    gus = await away.person('gus@acme.com');
    return async () => {
      for (const role of roles) await revoke(away, role);
    };
  });

  async function create(metadata: object): Promise<string> {
    const body = { metadata: { generateName: 'test-', ...metadata } };
    const answer = await away.admin.call<{ metadata: { name: string } }>('POST', NAMESPACES, { body });
    return answer.body.metadata.name;
  }

  function patch(person: Person, path: string, metadata: object) {
    return person.api.call('PATCH', `${NAMESPACES}/${path}?dryRun=All`, { body: { metadata } });
  }

  /** The whole namespace, as the finalize subresource takes it. */
  async function finalize(person: Person, name: string, change: { labels?: object; annotations?: object }) {
    const { body } = await person.api.call<{ metadata: { labels: object; annotations?: object } }>(
      'GET',
      `${NAMESPACES}/${name}`,
    );
    const metadata = {
      ...body.metadata,
      labels: { ...body.metadata.labels, ...change.labels },
      annotations: { ...body.metadata.annotations, ...change.annotations },
    };
    return person.api.call('PUT', `${NAMESPACES}/${name}/finalize?dryRun=All`, { body: { ...body, metadata } });
  }

  const CHANGES: readonly (readonly [string, object])[] = [
    ['another policy', { labels: { [LABEL.policy]: 'other' } }],
    ['no policy', { labels: { [LABEL.policy]: null } }],
    ['another mode', { labels: { [LABEL.mode]: 'audit' } }],
    ['no mode', { labels: { [LABEL.mode]: null } }],
    ['another date', { annotations: { [ANNOTATION.governedSince]: '2020-01-01T00:00:00.000Z' } }],
    ['no date', { annotations: { [ANNOTATION.governedSince]: null } }],
    ['no annotations', { annotations: null }],
  ];

  it.each(CHANGES)('%s: is changed by whoever may govern, by an update of the namespace itself', async (_, change) => {
    expectRefused(await patch(nora, governed, change), 'GovernanceChanged');
    expectRefused(await patch(nora, `${governed}/status`, change), 'GovernanceChanged');
    expectDone(await patch(gus, governed, change));
    expectRefused(await patch(gus, `${governed}/status`, change), 'GovernanceChanged');
  });

  it('is not changed by way of finalizers', async () => {
    const labels = { [LABEL.policy]: 'other' };
    expectRefused(await finalize(nora, governed, { labels }), 'GovernanceChanged');
    expectRefused(await finalize(gus, governed, { labels }), 'GovernanceChanged');
    expectDone(await finalize(nora, governed, { labels: { team: 'red' } }));
  });

  it.each([
    ['policy', { labels: { [LABEL.policy]: 'any' } }],
    ['mode', { labels: { [LABEL.mode]: 'audit' } }],
    ['date', { annotations: { [ANNOTATION.governedSince]: SINCE } }],
  ])('a %s comes only by whoever may govern', async (_, metadata) => {
    expectRefused(await patch(nora, free, metadata), 'GovernanceChanged');
    expectDone(await patch(gus, free, metadata));
    const made = (person: Person) =>
      person.api.call('POST', `${NAMESPACES}?dryRun=All`, { body: { metadata: { name: 'is-made', ...metadata } } });
    expectRefused(await made(nora), 'GovernanceChanged');
    expectDone(await made(gus));
  });

  it('says so to whoever uses kubectl', async () => {
    const { status, stderr } = await nora.kubectl(['label', 'namespace', governed, `${LABEL.policy}-`]);
    expect(status).toBe(1);
    expect(stderr).toContain('[GovernanceChanged]');
    expect(stderr).toContain('verb govern');
  });

  it('is no matter for anything else', async () => {
    expectDone(await patch(nora, governed, { labels: { team: 'red' }, annotations: { owner: 'nora' } }));
    expectDone(await patch(nora, `${governed}/status`, { annotations: { a: 'b' } }));
    expectDone(await patch(nora, governed, { labels: { [LABEL.policy]: 'any' } }));
    const body = { metadata: { name: 'is-made', labels: { team: 'red' } } };
    expectDone(await nora.api.call('POST', `${NAMESPACES}?dryRun=All`, { body }));
    expect((await nora.api.call('POST', NAMESPACES, { body })).status).toBe(201);
    await away.admin.call('DELETE', `${NAMESPACES}/is-made`);
  });

  describe('and its Pod Security', () => {
    const level = (value: string | null) => ({ labels: { [LABEL.podSecurityEnforce]: value } });

    it.each([
      ['privileged', level('privileged')],
      ['no level', level(null)],
      ['the level of an older Kubernetes', { labels: { [LABEL.podSecurityEnforceVersion]: 'v1.0' } }],
    ])('is not lowered to %s', async (_, change) => {
      expectRefused(await patch(nora, governed, change), 'PodSecurityLowered');
      expectRefused(await patch(nora, `${governed}/status`, change), 'PodSecurityLowered');
      expectDone(await patch(gus, governed, change));
      expectRefused(await patch(gus, `${governed}/status`, change), 'PodSecurityLowered');
    });

    it('is raised by anybody', async () => {
      expectDone(await patch(nora, governed, level('restricted')));
    });

    it('is anybody’s where nothing is governed', async () => {
      expectDone(await patch(nora, free, level('privileged')));
    });
  });
});
