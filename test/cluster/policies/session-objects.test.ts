import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { OBJECT } from '../../../src/names.ts';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { installSurroundings } from '../admission/support/registration.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectDone, expectRefused } from './support/answers.ts';
import { grant, revoke } from './support/rights.ts';
import { useAdmissionPolicies } from './support/use.ts';

const cluster = connect();
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

describe.skipIf(cluster.unavailable)('what sessions own', () => {
  const away = useAdmissionPolicies(cluster);
  let enforced: string;
  let free: string;
  /** A cluster admin: has every right, and is not Countersign. */
  let ada: Person;
  let own: Person;

  beforeAll(async () => {
    await installSurroundings(cluster);
    enforced = await away.governedNamespace('any');
    free = await away.namespace();
    const everything = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
    const roles = [
      await grant(away, 'ada@acme.com', [everything]),
      await grant(away, `system:serviceaccount:${OBJECT.namespace}:${OBJECT.webhook}`, [everything]),
    ];
    ada = await away.person('ada@acme.com');
    own = await away.serviceAccount(OBJECT.namespace, OBJECT.webhook);
    return async () => {
      for (const role of roles) await revoke(away, role);
    };
  });

  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
  const KINDS: readonly (readonly [resource: string, path: (namespace: string) => string, body: object])[] = [
    ['serviceaccounts', (namespace) => `/api/v1/namespaces/${namespace}/serviceaccounts`, {}],
    ['roles', (namespace) => `${RBAC}/namespaces/${namespace}/roles`, { rules: [] }],
    ['rolebindings', (namespace) => `${RBAC}/namespaces/${namespace}/rolebindings`, { roleRef, subjects: [] }],
  ];
  const change = { metadata: { labels: { touched: 'yes' } } };

  describe.each(KINDS)('%s', (_, path, body) => {
    it('are made by Countersign alone', async () => {
      const name = `fab-${randomUUID()}`;
      expectRefused(
        await ada.api.call('POST', path(enforced), { body: { ...body, metadata: { name } } }),
        'SessionObjectWritten',
      );
      expectDone(await own.api.call('POST', path(enforced), { body: { ...body, metadata: { name } } }));
    });

    it('are not made under a name that the API server makes up', async () => {
      const metadata = { generateName: 'fab-' };
      expectRefused(
        await ada.api.call('POST', path(enforced), { body: { ...body, metadata } }),
        'SessionObjectWritten',
      );
    });

    it('are neither changed nor deleted by anybody else, not even as a collection', async () => {
      const name = `fab-${randomUUID()}`;
      expectDone(await own.api.call('POST', path(enforced), { body: { ...body, metadata: { name } } }));
      const at = `${path(enforced)}/${name}`;
      expectRefused(await ada.api.call('PATCH', at, { body: change }), 'SessionObjectWritten');
      expectRefused(await ada.api.call('DELETE', at), 'SessionObjectWritten');
      expectRefused(await ada.api.call('DELETE', path(enforced)), 'SessionObjectWritten');
      expectDone(await own.api.call('PATCH', at, { body: change }));
      expectDone(await own.api.call('DELETE', at));
    });

    it('of other names are anybody’s', async () => {
      for (const name of ['fabric', 'not-fab-1']) {
        expectDone(await ada.api.call('POST', path(enforced), { body: { ...body, metadata: { name } } }));
        expectDone(await ada.api.call('PATCH', `${path(enforced)}/${name}`, { body: change }));
        expectDone(await ada.api.call('DELETE', `${path(enforced)}/${name}`));
      }
    });

    it('are nothing special where nothing is governed', async () => {
      expectDone(await ada.api.call('POST', path(free), { body: { ...body, metadata: { name: 'fab-1' } } }));
    });
  });

  it('goes with its pod', async () => {
    const pod = await away.admin.createPod(enforced, {
      metadata: { generateName: 'app-' },
      spec: { containers: [APP] },
    });
    const { name = '', uid = '' } = pod.metadata ?? {};
    const metadata = { name: `fab-${uid}`, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] };
    const accounts = `/api/v1/namespaces/${enforced}/serviceaccounts`;
    expectDone(await own.api.call('POST', accounts, { body: { metadata } }));
    await away.admin.call('DELETE', `/api/v1/namespaces/${enforced}/pods/${name}?gracePeriodSeconds=0`);
    await until('the garbage collector has taken it', async () => {
      return (await away.admin.call('GET', `${accounts}/fab-${uid}`)).status === 404;
    });
  });

  it('goes with its namespace', async () => {
    const going = await away.governedNamespace('any');
    for (const [, path, body] of KINDS) {
      const metadata = { name: `fab-${randomUUID()}` };
      expectDone(await own.api.call('POST', path(going), { body: { ...body, metadata } }));
    }
    await away.admin.call('DELETE', `/api/v1/namespaces/${going}`);
    await until(
      'the namespace is gone',
      async () => (await away.admin.call('GET', `/api/v1/namespaces/${going}`)).status === 404,
      {
        timeoutMs: 60_000,
      },
    );
  });

  it.each([
    ['clusterroles', { rules: [] }],
    ['clusterrolebindings', { roleRef, subjects: [] }],
  ])('in the whole cluster, %s, is Countersign’s alone', async (resource, body) => {
    const metadata = { name: `fab-${randomUUID()}-access` };
    const path = `${RBAC}/${resource}`;
    expectRefused(await ada.api.call('POST', path, { body: { ...body, metadata } }), 'SessionObjectWritten');
    expectDone(await own.api.call('POST', path, { body: { ...body, metadata } }));
    expectRefused(await ada.api.call('PATCH', `${path}/${metadata.name}`, { body: change }), 'SessionObjectWritten');
    expectRefused(await ada.api.call('DELETE', `${path}/${metadata.name}`), 'SessionObjectWritten');
    expectDone(await own.api.call('DELETE', `${path}/${metadata.name}`));
    // Others may have had such names before.
    expectDone(await ada.api.call('POST', path, { body: { ...body, metadata: { name: 'fab-rication' } } }));
    expectDone(await ada.api.call('DELETE', `${path}/fab-rication`));
    expect((await ada.api.call('GET', `${path}/fab-rication`)).status).toBe(404);
  });
});
