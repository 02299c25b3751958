import { connect as connectTo } from 'node:tls';
import type { V1Pod } from '@kubernetes/client-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { OBJECT } from '../../../src/names.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectAttributed } from './support/attributed.ts';
import { STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { APP, podWith, podWithApp } from './support/pods.ts';
import { creationReview, post, review } from './support/review.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('somebody hostile', () => {
  const countersign = useCountersign(cluster);
  /** Where the delegator lives, and where editors of `namespace` have no rights. */
  let platform: string;
  let namespace: string;
  let alice: Person;
  let bob: Person;

  beforeAll(async () => {
    platform = await cluster.newNamespace();
    const username = `system:serviceaccount:${platform}:bot`;
    const delegators = [{ name: 'bot', match: { username }, operators: ['[a-z]+@acme\\.com'] }];
    namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF], delegators }));
    await countersign.serviceAccount(platform, 'bot');
    alice = await countersign.person('alice@acme.com');
    bob = await countersign.person('bob@acme.com');
  });

  describe('who reaches the port of the webhook and has not the secret', () => {
    const forged = () => creationReview(namespace, podWith(), { username: 'alice@acme.com' });
    const send = (path: string, body: object = forged()) => post(countersign.process, cluster.ca, path, body);

    it('would be answered with it', async () => {
      const answer = await review(countersign.process, cluster.ca, namespace, podWith(), {
        username: 'alice@acme.com',
      });
      expect(answer).toMatchObject({ allowed: true, patch: expect.any(String) });
    });

    it.each([
      '/',
      '/mutate',
      '/mutate/',
      '/mutate/x',
      `/mutate/${'A'.repeat(43)}`,
      '/mutate/%2e%2e/mutate',
      '/mutate/undefined',
      '//mutate/x',
      '/validate-policy',
      '/validate-policy/x',
      '/metrics',
      '/readyz',
    ])('gets 404 at %s', async (path) => {
      expect((await send(path)).status).toBe(404);
    });

    it('gets 404 with most of the secret, with more than it, or with much more', async () => {
      const { secret } = countersign.process;
      for (const guess of [
        secret.slice(0, -1),
        `${secret}A`,
        'A'.repeat(5000),
        secret.toLowerCase(),
        ` ${secret}`.replace(' ', '%20'),
      ])
        expect((await send(`/mutate/${guess}`)).status).toBe(404);
    });

    it('gets 404 with the secret on the listener for probes', async () => {
      const { probePort, secret } = countersign.process;
      const answer = await fetch(`http://127.0.0.1:${probePort}/mutate/${secret}`, {
        method: 'POST',
        body: JSON.stringify(forged()),
      });
      expect(answer.status).toBe(404);
    });

    it('gets 404 before a byte of the body is sent', async () => {
      const { port } = countersign.process;
      const socket = connectTo({ host: '127.0.0.1', port, ca: cluster.ca });
      const answer = new Promise<string>((resolve, reject) => {
        let text = '';
        socket.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
          if (text.includes('\r\n\r\n')) resolve(text);
        });
        socket.on('error', reject);
      });
      socket.write(
        'POST /mutate/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n',
      );
      expect(await answer).toMatch(/^HTTP\/1\.1 404 /);
      socket.destroy();
    });

    it('learns nothing from the log or the metrics', async () => {
      const { probePort, secret } = countersign.process;
      await send(`/mutate/${secret}`, { kind: 'nonsense' });
      const metrics = await (await fetch(`http://127.0.0.1:${probePort}/metrics`)).text();
      expect(JSON.stringify(countersign.process.log()) + metrics).not.toContain(secret);
    });
  });

  describe('an editor of a governed namespace', () => {
    it.each([
      ['unlabel it', ['label', 'namespace', 'NAMESPACE', 'countersign.dev/policy-']],
      ['weaken its mode', ['label', 'namespace', 'NAMESPACE', 'countersign.dev/mode=audit']],
      ['delete it', ['delete', 'namespace', 'NAMESPACE']],
      ['delete policies', ['delete', 'attributionpolicies', '--all']],
      ['unregister the webhook', ['delete', 'mutatingwebhookconfiguration', OBJECT.mutatingConfiguration]],
      ['read the secret of its path', ['get', 'mutatingwebhookconfiguration', '-o', 'yaml']],
      ['read Countersign’s Secrets', ['get', 'secrets', '-n', OBJECT.namespace]],
      ['become the webhook', ['create', 'token', OBJECT.webhook, '-n', OBJECT.namespace]],
    ])('cannot %s', async (_, args) => {
      const { status, stderr } = await bob.kubectl(args.map((arg) => arg.replace('NAMESPACE', namespace)));
      expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(/forbidden/i) });
    });

    it('cannot be a delegator of another namespace, by impersonation or by a token', async () => {
      const as = ['--as', `system:serviceaccount:${platform}:bot`];
      const run = await bob.kubectl(['run', 'x', '--image=x', '-n', namespace, ...as]);
      expect(run.stderr).toContain('cannot impersonate');
      const token = await bob.kubectl(['create', 'token', 'bot', '-n', platform]);
      expect(token.stderr).toContain('cannot create resource "serviceaccounts/token"');
    });

    it('cannot take another’s name by an owner that is set by hand', async () => {
      const owner = await alice.created(namespace, podWith());
      const ownerReferences = [
        { apiVersion: 'v1', kind: 'Pod', name: owner.metadata?.name, uid: owner.metadata?.uid, controller: true },
      ];
      expectAttributed(await bob.created(namespace, podWith({}, { ownerReferences })), 'bob@acme.com');
    });

    it('starts pods by a workload in no other name than their own', async () => {
      const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [APP] } };
      const selector = { matchLabels: { app: 'x' } };
      const workloads = [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', spec: { replicas: 1, selector, template } },
        { apiVersion: 'apps/v1', kind: 'StatefulSet', spec: { replicas: 1, selector, serviceName: 'x', template } },
        { apiVersion: 'v1', kind: 'ReplicationController', spec: { replicas: 1, selector: { app: 'x' }, template } },
      ];
      for (const workload of workloads) {
        const named = { ...workload, metadata: { name: `x-${workload.kind.toLowerCase()}` } };
        const { status } = await bob.kubectl(['create', '-n', namespace, '-f', '-'], JSON.stringify(named));
        expect(status).toBe(0);
        const pod = await until(`there is a pod of the ${workload.kind}`, async () => {
          const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3Dx`;
          const { body } = await bob.api.call<{ items?: V1Pod[] }>('GET', path);
          return body.items?.find(({ metadata }) => metadata?.ownerReferences?.[0]?.kind === workload.kind);
        });
        expectAttributed(pod, 'bob@acme.com');
        await bob.kubectl(['delete', workload.kind, named.metadata.name, '-n', namespace, '--wait=false']);
      }
    });

    it('cannot hide a pod behind its size', async () => {
      // Each of these takes six bytes in a review.
      const long = (length: number) => podWithApp({ env: [{ name: 'X', value: '<'.repeat(length) }] });
      expectAttributed(await bob.api.createPod(namespace, long(900_000)), 'bob@acme.com');
      // More than etcd takes, and less than the API server reads.
      expect((await bob.api.postPod(namespace, long(2_900_000))).status).toBeGreaterThanOrEqual(400);
      expectAttributed(await bob.created(namespace, podWith()), 'bob@acme.com');
    });

    it('cannot stop the webhook with a pod that is deep', async () => {
      let fieldsV1: object = {};
      for (let depth = 0; depth < 5_000; depth += 1) fieldsV1 = { 'f:x': fieldsV1 };
      const managedFields = [
        {
          manager: 'x',
          operation: 'Update',
          apiVersion: 'v1',
          time: '2026-01-01T00:00:00Z',
          fieldsType: 'FieldsV1',
          fieldsV1,
        },
      ];
      const { status, body } = await bob.api.postPod(namespace, podWith({}, { managedFields }));
      if (status === 201) expectAttributed(body, 'bob@acme.com');
      expectAttributed(await bob.created(namespace, podWith()), 'bob@acme.com');
    });

    it('cannot get one through by many at once', async () => {
      const mallory = await countersign.person('mallory@evil.example');
      const pods = Array.from({ length: 200 }, () => mallory.api.postPod(namespace, podWith()));
      const answers = await Promise.all(pods);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
    });
  });
});
