import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { amend, liveMutating, liveSecret } from '../../src/cluster/bootstrap/objects.ts';
import { bootstrap as bootstrapHere } from '../../src/cluster/bootstrap/run.ts';
import { LABEL, OBJECT } from '../../src/names.ts';
import { OBJECTS, outcomes, Trial } from './bootstrap-trial.ts';
import { connect } from './fixture.ts';
import { countersign, namespace } from './installation.ts';
import { freePorts } from './ports.ts';
import { until } from './until.ts';

const cluster = connect();
const trial = new Trial(cluster);
const { installation } = trial;
const { tlsSecret, pathSecret } = OBJECT;

// What happens over time: the steps of a rotation, a run that dies, others who write meanwhile, and API servers.
describe.skipIf(cluster.unavailable)('countersign bootstrap', () => {
  beforeAll(() => trial.begin());
  afterAll(() => trial.end());
  afterEach(() => trial.killAll());

  describe('rotates the path secret', () => {
    beforeEach(async () => {
      await trial.bootstrap();
    });

    test('so that replicas know the new one before API servers use it, and the old one until they do not', async () => {
      const { current: old } = await installation.secret(pathSecret);
      const waits: unknown[] = [];
      // In this process, because what matters is what is there whenever it waits.
      await bootstrapHere(
        { certificate: 'own', rotatePathSecret: true, settleMs: 90_000 },
        {
          ...(await trial.clients()),
          now: () => new Date(),
          wait: async (ms) => {
            const keys = Object.entries(await installation.secret(pathSecret));
            const { path } = await installation.mutating();
            const [used] = keys.find(([, value]) => path === `/mutate/${value}`) ?? [];
            waits.push({ ms, keys: keys.map(([key]) => key).toSorted(), used });
          },
          print: () => {},
          progress: () => {},
        },
      );
      expect(waits).toEqual([
        { ms: 90_000, keys: ['current', 'next'], used: 'current' },
        { ms: 90_000, keys: ['current', 'previous'], used: 'current' },
      ]);
      const after = await installation.secret(pathSecret);
      expect(Object.keys(after)).toEqual(['current']);
      expect(after['current']).not.toBe(old);
      await trial.expectAllRight();
    });

    test('and says so', async () => {
      const lines = await trial.bootstrap('--rotate-path-secret', '--settle', '0s');
      expect(lines).toContainEqual(
        `Secret ${namespace}/${pathSecret}: renewed (a new secret is published; the new secret is in use; the old secret is void)`,
      );
      expect(lines).toContainEqual('MutatingWebhookConfiguration countersign: renewed (path)');
    });

    test('and writes in that order', async () => {
      const filter = { user: `system:serviceaccount:${namespace}:countersign-bootstrap`, verb: 'patch' };
      const started = new Date().toISOString();
      await trial.bootstrap('--rotate-path-secret', '--settle', '0s');
      const events = await until('the log has five writes', () => {
        const found = cluster.auditEvents(filter).filter((event) => event.requestReceivedTimestamp > started);
        return found.length === 5 && found;
      });
      expect(events.map(({ objectRef }) => objectRef?.resource)).toEqual([
        'secrets', // published
        'secrets', // in use
        'mutatingwebhookconfigurations',
        'validatingwebhookconfigurations',
        'secrets', // the old one is void
      ]);
    });

    test('and a run that died while waiting is finished by the next, with the secret that was published', async () => {
      const before = await installation.secret(pathSecret);
      const dying = trial.start('--rotate-path-secret', '--settle', '60m');
      const { next } = await until('a new secret is published', async () => {
        const found = await installation.secret(pathSecret);
        return found['next'] !== undefined && found;
      });
      await until('it waits', () => dying.output().includes('Waiting'));
      // Nobody is told to use it before replicas had time to learn it.
      expect(await installation.mutating()).toMatchObject({ path: `/mutate/${before['current']}` });
      dying.kill('SIGKILL');
      expect(await dying.status).toBe('SIGKILL');

      await trial.bootstrap('--settle', '0s');
      expect(await installation.secret(pathSecret)).toEqual({ current: next });
      await trial.expectAllRight();
      expect(outcomes(await trial.bootstrap())).toEqual(Array(OBJECTS).fill('unchanged'));
    });

    test('and one that died between the Secret and the configurations', async () => {
      const { current = '' } = await installation.secret(pathSecret);
      const moved = 'a'.repeat(64);
      await installation.setSecret(pathSecret, { current: moved, previous: current });
      const lines = await trial.bootstrap('--settle', '0s');
      expect(lines).toContainEqual('MutatingWebhookConfiguration countersign: renewed (path)');
      expect(await installation.secret(pathSecret)).toEqual({ current: moved });
      await trial.expectAllRight();
    });

    test('anew when asked to, even if the last rotation has left an old secret behind', async () => {
      const { current = '' } = await installation.secret(pathSecret);
      await installation.setSecret(pathSecret, { previous: 'b'.repeat(64) });
      await trial.bootstrap('--rotate-path-secret', '--settle', '0s');
      const after = await installation.secret(pathSecret);
      expect(Object.keys(after)).toEqual(['current']);
      expect(after['current']).not.toBe(current);
      await trial.expectAllRight();
    });
  });

  describe('when somebody else writes an object while it decides', () => {
    const values = ['c', 'd'].map((digit) => digit.repeat(64));
    const change = <Patch>(patch: Patch) => ({ outcome: 'repaired', because: 'for this test', patch }) as const;

    test('decides anew about a Secret', async () => {
      await installation.setSecret(pathSecret, { current: 'b'.repeat(64) });
      const seen: unknown[] = [];
      await amend(liveSecret((await trial.clients()).core, pathSecret), async ({ current }) => {
        seen.push(current);
        if (seen.length === 1) await installation.setSecret(pathSecret, { current: values[0] ?? '' });
        return change({ current: values[1] ?? '' });
      });
      expect(seen).toEqual(['b'.repeat(64), values[0]]);
      expect(await installation.secret(pathSecret)).toEqual({ current: values[1] });
    });

    test('decides anew about a configuration', async () => {
      await installation.setClientConfig({ path: '/mutate/0' });
      const seen: unknown[] = [];
      await amend(liveMutating((await trial.clients()).admission), async ({ webhooks: [webhook] }) => {
        seen.push(webhook?.clientConfig.service?.path);
        if (seen.length === 1) await installation.setClientConfig({ path: '/mutate/1' });
        return change({
          webhooks: [{ name: 'pods.countersign.dev', clientConfig: { service: { path: '/mutate/2' } } }],
        });
      });
      expect(seen).toEqual(['/mutate/0', '/mutate/1']);
      expect(await installation.mutating()).toMatchObject({ path: '/mutate/2' });
    });

    test('gives up when that does not end', async () => {
      let count = 0;
      const endless = amend(liveSecret((await trial.clients()).core, pathSecret), async () => {
        count += 1;
        await installation.setSecret(pathSecret, { current: String(count) });
        return change({ current: values[1] ?? '' });
      });
      await expect(endless).rejects.toThrow(
        /Secret .*countersign-webhook-path: changed 10 times while this ran\. Next: /,
      );
    });
  });

  test('lets the API server reach a webhook that has no more than the Secrets, before and after a rotation', async () => {
    await trial.bootstrap();
    const [port, probePort] = await freePorts(['127.0.0.1', '127.0.0.1']);
    const tls = volume('tls');
    const path = volume('path');
    const keys = volume('stamp-keys');
    const deliver = async () => {
      tls(await installation.secret(tlsSecret));
      path(await installation.secret(pathSecret));
      keys(await installation.secret(OBJECT.stampKeysSecret));
    };
    await deliver();
    const webhook = await cluster.serviceAccountKubeconfig(namespace, 'countersign-webhook');
    const run = countersign([
      'webhook',
      '--host=127.0.0.1',
      `--port=${port}`,
      `--probe-port=${probePort}`,
      `--tls-dir=${tls.directory}`,
      `--path-secret-dir=${path.directory}`,
      `--stamp-keys-dir=${keys.directory}`,
      '--session-image=countersign:test',
      `--kubeconfig=${webhook}`,
    ]);
    trial.running.add(run);
    // Nothing routes to Services here. To one of this type the API server finds its own way, and still asks for a
    // certificate with the Service's name.
    const spec = { type: 'ExternalName', externalName: 'localhost', clusterIP: null, clusterIPs: null };
    await cluster.kubectl(['-n', namespace, 'patch', 'service', OBJECT.webhook, `--patch=${JSON.stringify({ spec })}`]);
    await installation.setClientConfig({ port });

    const governed = await until('the webhook dates a namespace', () =>
      cluster.newNamespace({ [LABEL.policy]: 'no-such-policy' }),
    );
    const reviewed = () =>
      until('the webhook reviews a pod', async () => {
        const args = ['-n', governed, 'run', 'a-pod', '--image=main', '--dry-run=server'];
        return /denied the request: \[PolicyMissing\]/.test((await cluster.kubectl(args)).stderr);
      });
    await reviewed();
    await trial.bootstrap('--rotate-path-secret', '--settle', '0s');
    await deliver();
    await reviewed();
  });
});

/** A directory that is given a Secret's values, as kubelet gives them to a container. */
function volume(name: string) {
  const directory = mkdtempSync(join(cluster.dir, `${name}-`));
  const fill = (values: Record<string, string>) => {
    for (const [key, value] of Object.entries(values)) writeFileSync(join(directory, key), value);
  };
  return Object.assign(fill, { directory });
}
