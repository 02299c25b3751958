import { beforeAll, describe, expect, it } from 'vitest';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { connect } from '../fixture.ts';
import { expectDone, expectRefused } from './support/answers.ts';
import { useAdmissionPolicies } from './support/use.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('pods', () => {
  const away = useAdmissionPolicies(cluster);
  let enforced: string;
  let free: string;
  let eve: Person;

  beforeAll(async () => {
    enforced = await away.governedNamespace('any');
    free = await away.namespace();
    eve = await away.person('eve@acme.com');
    const spec = {
      initContainers: [{ name: 'first', image: 'first:1' }],
      containers: [APP, { name: 'side', image: 's' }],
    };
    for (const namespace of [enforced, free])
      await away.admin.createPod(namespace, { metadata: { name: 'runs' }, spec });
  });

  /** As a strategic merge patch, in which containers are found by their names. */
  function change(namespace: string, spec: object, as: Person = eve) {
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    return as.api.call('PATCH', `/api/v1/namespaces/${namespace}/pods/runs`, { body: { spec }, headers });
  }

  describe('that run', () => {
    it.each([
      ['a container', { containers: [{ name: 'app', image: 'other' }] }],
      ['the last container', { containers: [{ name: 'side', image: 'other' }] }],
      ['an init container', { initContainers: [{ name: 'first', image: 'other' }] }],
    ])('keep the image of %s', async (_, spec) => {
      expectRefused(await change(enforced, spec), 'ImageChanged');
      expectRefused(await change(enforced, spec, away.administrator), 'ImageChanged');
      expectDone(await change(free, spec));
    });

    it('keep it by kubectl set image, which says what to do', async () => {
      const { status, stderr } = await eve.kubectl(['-n', enforced, 'set', 'image', 'pod/runs', 'app=other']);
      expect(status).toBe(1);
      expect(stderr).toContain('[ImageChanged]');
      expect(stderr).toContain('Next: Create the pod anew');
    });

    it('change where it is nobody’s business', async () => {
      expectDone(await change(enforced, { activeDeadlineSeconds: 3600 }));
      expectDone(await change(enforced, { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute' }] }));
      expectDone(await change(enforced, { containers: [{ name: 'app', image: APP.image }] }));
      const labels = { body: { metadata: { labels: { team: 'red' } } } };
      expectDone(await eve.api.call('PATCH', `/api/v1/namespaces/${enforced}/pods/runs`, labels));
    });
  });

  describe('that start', () => {
    const as = (serviceAccountName: string, automountServiceAccountToken = false) => ({
      metadata: { generateName: 'app-' },
      spec: { serviceAccountName, automountServiceAccountToken, containers: [APP] },
    });

    it('do not take the service account of a session', async () => {
      const name = 'fab-6c1f2a0e-0f4e-4c0a-9a51-6d1f7b0c8e21';
      // Where nothing is governed there are no sessions, and it is a name like any other.
      for (const namespace of [enforced, free]) {
        const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
        const countersign = { 'impersonate-user': 'system:serviceaccount:countersign-system:countersign-controller' };
        const headers = { ...countersign, 'impersonate-group': 'system:masters' };
        expectDone(await away.admin.call('POST', path, { body: { metadata: { name } }, headers }));
      }
      expectRefused(await eve.api.postPod(enforced, as(name)), 'SessionAccountNamed');
      expectRefused(await away.admin.postPod(enforced, as(name)), 'SessionAccountNamed');
      expectDone(await eve.api.postPod(free, as(name)));
    });

    it('take any other', async () => {
      expectDone(await eve.api.postPod(enforced, as('default')));
      await away.serviceAccount(enforced, 'fabian');
      expectDone(await eve.api.postPod(enforced, as('fabian')));
      expect(
        (await eve.api.postPod(enforced, { metadata: { generateName: 'app-' }, spec: { containers: [APP] } })).status,
      ).toBe(201);
    });
  });
});
