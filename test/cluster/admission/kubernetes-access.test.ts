import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { containersOf, envOf, expectAttributed } from './support/attributed.ts';
import { SESSION, STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { APP, podWith } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();
const PLACE = '/var/run/secrets/kubernetes.io/serviceaccount';

describe.skipIf(cluster.unavailable)('a session with access to the Kubernetes API', () => {
  const countersign = useCountersign(cluster);
  let namespace: string;
  let alice: Person;

  beforeAll(async () => {
    const session = { ...SESSION, kubernetes: { identity: 'pod' } };
    namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF], session }));
    alice = await countersign.person('alice@acme.com');
  });

  it('finds the API server where Countersign finds it, whatever the namespace says', async () => {
    // What an editor of the namespace can put in a pod's way: another certificate, and another address.
    const maps = `/api/v1/namespaces/${namespace}/configmaps/kube-root-ca.crt`;
    await alice.api.call('PATCH', maps, { body: { data: { 'ca.crt': 'forged' } } });
    const service = { metadata: { name: 'kubernetes' }, spec: { ports: [{ port: 443 }] } };
    await alice.api.call('POST', `/api/v1/namespaces/${namespace}/services`, { body: service });

    const pod = await alice.created(namespace, podWith());
    expectAttributed(pod, 'alice@acme.com', { kubernetes: true });
    const { session } = containersOf(pod);
    expect(envOf(session, 'COUNTERSIGN_KUBERNETES_SERVER')).toEqual({ value: cluster.server });
    expect(envOf(session, 'COUNTERSIGN_KUBERNETES_CA')).toEqual({ value: cluster.ca.trim() });
    expect(envOf(session, 'COUNTERSIGN_NAMESPACE')).toEqual({
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
    });
  });

  it.each(['', '/', '/token', '/../serviceaccount'])('keeps the place of its account: %s', async (spelling) => {
    const mount = { name: 'own', mountPath: `/run/secrets/kubernetes.io/serviceaccount${spelling}` };
    const pod = podWith({
      containers: [{ ...APP, volumeMounts: [mount] }],
      volumes: [{ name: 'own', emptyDir: {} }],
    });
    expect(await alice.refused(namespace, pod)).toContain('[ReservedPath]');
  });

  it('takes the place of an account that a pod brings along', async () => {
    const source = { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } };
    const pod = podWith({
      containers: [{ ...APP, volumeMounts: [{ name: 'kube-api-access-x7k2p', mountPath: PLACE, readOnly: true }] }],
      volumes: [{ name: 'kube-api-access-x7k2p', projected: { sources: [source] } }],
    });
    expectAttributed(await alice.created(namespace, pod), 'alice@acme.com', { kubernetes: true });
  });

  it('does not send its application elsewhere', async () => {
    const env = [{ name: 'KUBERNETES_SERVICE_HOST', value: '192.0.2.1' }];
    const { stdout, stderr } = await alice.create(namespace, podWith({ containers: [{ ...APP, env }] }));
    expect(stderr).toContain('container "app": KUBERNETES_SERVICE_HOST replaced');
    expectAttributed(JSON.parse(stdout) as never, 'alice@acme.com', { kubernetes: true });
  });
});
