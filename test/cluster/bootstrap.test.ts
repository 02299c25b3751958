import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AdmissionregistrationV1Api, CoreV1Api } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { amend, liveMutating, liveSecret } from '../../src/cluster/bootstrap/objects.ts';
import { bootstrap as bootstrapHere } from '../../src/cluster/bootstrap/run.ts';
import { SERVING_NAMES } from '../../src/cluster/bootstrap/serving.ts';
import { makeClient } from '../../src/cluster/client.ts';
import { LABEL, OBJECT } from '../../src/names.ts';
import { createAuthority, issueServing } from '../../src/tls/authority.ts';
import { connect } from './fixture.ts';
import { applyManifests, countersign, deleteManifests, Installation, namespace, type Run } from './installation.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { freePorts } from './ports.ts';
import { until } from './until.ts';

const cluster = connect();
const { caSecret, tlsSecret, pathSecret } = OBJECT;
const DAY_MS = 86_400_000;

// Each run is a process of its own that acts as the service account of the manifests, so it has their rights alone.
describe.skipIf(cluster.unavailable)('countersign bootstrap', () => {
  const installation = new Installation(cluster);
  const running = new Set<Run>();
  let kubeconfig: string;

  beforeAll(async () => {
    await applyManifests(cluster);
    kubeconfig = await cluster.serviceAccountKubeconfig(namespace, 'countersign-bootstrap');
  });
  afterAll(() => deleteManifests(cluster));
  afterEach(() => {
    for (const run of running) run.kill('SIGKILL');
  });

  describe('on what the manifests made', () => {
    beforeEach(() => installation.empty());

    test('makes everything', async () => {
      expect(await bootstrap()).toEqual([
        `Secret ${namespace}/${caSecret}: made (there was none)`,
        `Secret ${namespace}/${pathSecret}: made (there was none)`,
        'MutatingWebhookConfiguration countersign: made (path and caBundle)',
        'ValidatingWebhookConfiguration countersign: made (path and caBundle)',
        `Secret ${namespace}/${tlsSecret}: made (there was none)`,
      ]);
      await expectAllRight();
    });

    test('and then changes nothing more', async () => {
      await bootstrap();
      const before = await installation.resourceVersions();
      expect(outcomes(await bootstrap())).toEqual(Array(5).fill('unchanged'));
      expect(await installation.resourceVersions()).toEqual(before);
    });

    test('runs beside itself', async () => {
      const rest = ['--settle', '0s'];
      await Promise.all([bootstrap(...rest), bootstrap(...rest), bootstrap('--rotate-path-secret', ...rest)]);
      await expectAllRight();
    });

    test('leaves certificates and caBundle to cert-manager where that makes them', async () => {
      expect(await bootstrap('--certificate', 'cert-manager')).toEqual([
        `Secret ${namespace}/${pathSecret}: made (there was none)`,
        'MutatingWebhookConfiguration countersign: made (path)',
        'ValidatingWebhookConfiguration countersign: made (path)',
      ]);
      expect(await installation.secret(caSecret)).toEqual({});
      expect(await installation.secret(tlsSecret)).toEqual({});
      const { current } = await installation.secret(pathSecret);
      expect(await installation.mutating()).toMatchObject({ path: `/mutate/${current}`, caBundle: undefined });
    });
  });

  describe('when somebody else writes an object while it decides', () => {
    const values = ['c', 'd'].map((digit) => digit.repeat(64));
    const change = <Patch>(patch: Patch) => ({ outcome: 'repaired', because: 'for this test', patch }) as const;

    test('decides anew about a Secret', async () => {
      await installation.setSecret(pathSecret, { current: 'b'.repeat(64) });
      const seen: unknown[] = [];
      await amend(liveSecret((await clients()).core, pathSecret), async ({ current }) => {
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
      await amend(liveMutating((await clients()).admission), async ({ webhooks: [webhook] }) => {
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
      const endless = amend(liveSecret((await clients()).core, pathSecret), async () => {
        count += 1;
        await installation.setSecret(pathSecret, { current: String(count) });
        return change({ current: values[1] ?? '' });
      });
      await expect(endless).rejects.toThrow(
        /Secret .*countersign-webhook-path: changed 10 times while this ran\. Next: /,
      );
    });
  });

  describe('repairs', () => {
    beforeAll(async () => {
      await bootstrap();
    });

    const elsewhere = async () => {
      const authority = await createAuthority({ commonName: 'elsewhere', days: 365, now: new Date() });
      return { authority, serving: await serving(authority) };
    };

    test.each<[damage: string, says: string, () => Promise<void>]>([
      [
        'a path that was deleted',
        'MutatingWebhookConfiguration countersign: made (path)',
        () => installation.setClientConfig({ path: null }),
      ],
      [
        'a path that somebody changed',
        'ValidatingWebhookConfiguration countersign: repaired (path)',
        () => installation.setClientConfig({ path: '/mutate/elsewhere' }),
      ],
      [
        'a garbled caBundle',
        'MutatingWebhookConfiguration countersign: repaired (caBundle)',
        () => installation.setClientConfig({ caBundle: 'garbled' }),
      ],
      [
        'a path secret that is none',
        `${pathSecret}: repaired (current was not a secret of 64 hexadecimal digits)`,
        () => installation.setSecret(pathSecret, { current: 'guessable' }),
      ],
      [
        'a key beside the path secrets, which replicas would accept',
        `${pathSecret}: repaired (took away another)`,
        () => installation.setSecret(pathSecret, { another: '0'.repeat(64) }),
      ],
      [
        'the key of another certificate',
        `${tlsSecret}: repaired (tls.key did not belong to tls.crt)`,
        async () => installation.setSecret(tlsSecret, { 'tls.key': (await elsewhere()).serving['tls.key'] }),
      ],
      [
        'a certificate that is none',
        `${tlsSecret}: repaired (tls.crt was not readable)`,
        () => installation.setSecret(tlsSecret, { 'tls.crt': 'garbled' }),
      ],
      [
        'a certificate of another authority',
        `${tlsSecret}: repaired (tls.crt was not signed by the authority)`,
        async () => installation.setSecret(tlsSecret, (await elsewhere()).serving),
      ],
      [
        'a certificate for other names',
        `${tlsSecret}: repaired (tls.crt was not for ${SERVING_NAMES.join(', ')})`,
        async () => installation.setSecret(tlsSecret, await serving(await authority(), { dnsNames: ['other.svc'] })),
      ],
      [
        'the key of another authority',
        `${caSecret}: repaired (ca.key did not belong to ca.crt)`,
        async () => installation.setSecret(caSecret, { 'ca.key': (await elsewhere()).authority.key }),
      ],
      [
        'an authority that is none',
        `${caSecret}: repaired (ca.crt was no self-signed authority)`,
        async () => {
          const leaf = (await elsewhere()).serving;
          await installation.setSecret(caSecret, { 'ca.crt': leaf['tls.crt'], 'ca.key': leaf['tls.key'] });
        },
      ],
    ])('%s', async (_, says, damage) => {
      await damage();
      expect((await bootstrap()).join('\n')).toContain(says);
      await expectAllRight();
      expect(outcomes(await bootstrap())).toEqual(Array(5).fill('unchanged'));
    });
  });

  describe('renews', () => {
    test('a serving certificate that ends within 30 days, by the same authority', async () => {
      await bootstrap();
      const before = await authority();
      await installation.setSecret(tlsSecret, await serving(before, { days: 29 }));
      expect((await bootstrap()).join('\n')).toContain(`${tlsSecret}: renewed (it ends on `);
      expect(await authority()).toEqual(before);
      await expectAllRight();
    });

    test('an authority that is about to end, which stays trusted beside the new one', async () => {
      const old = await createAuthority({ commonName: 'Countersign webhook CA', days: 29, now: new Date() });
      await installation.setSecret(caSecret, { 'ca.crt': old.certificate, 'ca.key': old.key });
      await bootstrap();
      const bundle = (await installation.secret(caSecret))['ca.crt'] ?? '';
      expect(bundle).not.toBe(old.certificate);
      expect(bundle.endsWith(old.certificate)).toBe(true);
      expect((await installation.mutating()).caBundle).toBe(bundle);
      await expectAllRight();
    });

    test('an authority long before what it signed ends, and leaves that alone', async () => {
      const old = await createAuthority({ commonName: 'Countersign webhook CA', days: 200, now: new Date() });
      const served = await serving(old);
      await installation.setSecret(caSecret, { 'ca.crt': old.certificate, 'ca.key': old.key });
      await installation.setSecret(tlsSecret, served);
      await bootstrap();
      const after = await installation.secret(tlsSecret);
      expect(after['tls.crt']).toBe(served['tls.crt']);
      expect(after['ca.crt']?.endsWith(old.certificate)).toBe(true);
      await expectAllRight();
    });

    test('the bundle, once an old authority has ended', async () => {
      await bootstrap();
      const now = new Date(Date.now() - 10 * DAY_MS);
      const ended = await createAuthority({ commonName: 'Countersign webhook CA', days: 9, now });
      const { certificate } = await authority();
      await installation.setSecret(caSecret, { 'ca.crt': certificate + ended.certificate });
      expect((await bootstrap()).join('\n')).toContain(
        `${caSecret}: renewed (an authority that it replaced has ended)`,
      );
      expect((await installation.mutating()).caBundle).toBe(certificate);
      await expectAllRight();
    });
  });

  describe('rotates the path secret', () => {
    beforeEach(async () => {
      await bootstrap();
    });

    test('so that replicas know the new one before API servers use it, and the old one until they do not', async () => {
      const { current: old } = await installation.secret(pathSecret);
      const waits: unknown[] = [];
      // In this process, because what matters is what is there whenever it waits.
      await bootstrapHere(
        { certificate: 'own', rotatePathSecret: true, settleMs: 90_000 },
        {
          ...(await clients()),
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
      await expectAllRight();
    });

    test('and says so', async () => {
      const lines = await bootstrap('--rotate-path-secret', '--settle', '0s');
      expect(lines).toContainEqual(
        `Secret ${namespace}/${pathSecret}: renewed (a new secret is published; the new secret is in use; the old secret is void)`,
      );
      expect(lines).toContainEqual('MutatingWebhookConfiguration countersign: renewed (path)');
    });

    test('and writes in that order', async () => {
      const filter = { user: `system:serviceaccount:${namespace}:countersign-bootstrap`, verb: 'patch' };
      const started = new Date().toISOString();
      await bootstrap('--rotate-path-secret', '--settle', '0s');
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
      const dying = start('--rotate-path-secret', '--settle', '60m');
      const { next } = await until('a new secret is published', async () => {
        const found = await installation.secret(pathSecret);
        return found['next'] !== undefined && found;
      });
      await until('it waits', () => dying.output().includes('Waiting'));
      // Nobody is told to use it before replicas had time to learn it.
      expect(await installation.mutating()).toMatchObject({ path: `/mutate/${before['current']}` });
      dying.kill('SIGKILL');
      expect(await dying.status).toBe('SIGKILL');

      await bootstrap('--settle', '0s');
      expect(await installation.secret(pathSecret)).toEqual({ current: next });
      await expectAllRight();
      expect(outcomes(await bootstrap())).toEqual(Array(5).fill('unchanged'));
    });

    test('and one that died between the Secret and the configurations', async () => {
      const { current = '' } = await installation.secret(pathSecret);
      const moved = 'a'.repeat(64);
      await installation.setSecret(pathSecret, { current: moved, previous: current });
      const lines = await bootstrap('--settle', '0s');
      expect(lines).toContainEqual('MutatingWebhookConfiguration countersign: renewed (path)');
      expect(await installation.secret(pathSecret)).toEqual({ current: moved });
      await expectAllRight();
    });

    test('anew when asked to, even if the last rotation has left an old secret behind', async () => {
      const { current = '' } = await installation.secret(pathSecret);
      await installation.setSecret(pathSecret, { previous: 'b'.repeat(64) });
      await bootstrap('--rotate-path-secret', '--settle', '0s');
      const after = await installation.secret(pathSecret);
      expect(Object.keys(after)).toEqual(['current']);
      expect(after['current']).not.toBe(current);
      await expectAllRight();
    });
  });

  test('lets the API server reach a webhook that has no more than the Secrets, before and after a rotation', async () => {
    await bootstrap();
    const [port, probePort] = await freePorts(['127.0.0.1', '127.0.0.1']);
    const tls = volume('tls');
    const path = volume('path');
    const deliver = async () => {
      tls(await installation.secret(tlsSecret));
      path(await installation.secret(pathSecret));
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
      '--session-image=countersign:test',
      `--kubeconfig=${webhook}`,
    ]);
    running.add(run);
    // Nothing routes to Services here. To one of this type the API server finds its own way, and still asks for a
    // certificate with the Service's name.
    const spec = { type: 'ExternalName', externalName: 'localhost', clusterIP: null, clusterIPs: null };
    await cluster.kubectl(['-n', namespace, 'patch', 'service', OBJECT.webhook, `--patch=${JSON.stringify({ spec })}`]);
    await installation.setClientConfig({ port });

    const governed = await cluster.newNamespace({ [LABEL.policy]: 'no-such-policy' });
    const reviewed = () =>
      until('the webhook reviews a pod', async () => {
        const args = ['-n', governed, 'run', 'a-pod', '--image=main', '--dry-run=server'];
        return /denied the request: \[PolicyMissing\]/.test((await cluster.kubectl(args)).stderr);
      });
    await reviewed();
    await bootstrap('--rotate-path-secret', '--settle', '0s');
    await deliver();
    await reviewed();
  });

  describe('says what is wrong and what to do', () => {
    test('when it may not', async () => {
      const webhook = await cluster.serviceAccountKubeconfig(namespace, 'countersign-webhook');
      const run = countersign(['bootstrap', '--kubeconfig', webhook]);
      expect(await run.status).toBe(2);
      expect(run.output()).toContain(`[BootstrapFailed] Secret ${namespace}/${caSecret}: 403 `);
      expect(run.output()).toContain('Next: run this as service account countersign-bootstrap');
    });

    test('when an object is missing', async () => {
      await cluster.kubectl(['delete', 'validatingwebhookconfiguration', OBJECT.validatingConfiguration]);
      const run = start();
      expect(await run.status).toBe(2);
      expect(run.output()).toContain('[BootstrapFailed] ValidatingWebhookConfiguration countersign: 404 ');
      expect(run.output()).toContain('Next: apply the manifests');
      await applyManifests(cluster);
      await bootstrap();
      await expectAllRight();
    });

    test('when the API server is not there', async () => {
      const [closed] = await freePorts(['127.0.0.1']);
      const nowhere = join(cluster.dir, 'nowhere');
      writeKubeconfig(nowhere, `https://127.0.0.1:${closed}`, cluster.ca, { token: 'x' });
      const run = countersign(['bootstrap', '--kubeconfig', nowhere]);
      expect(await run.status).toBe(2);
      expect(run.output()).toMatch(/Secret .*: fetch failed: .*ECONNREFUSED.* Next: check that the API server/);
    });
  });

  /** Runs it to its good end, and checks that it gave no secret away. */
  async function bootstrap(...args: readonly string[]): Promise<string[]> {
    const before = await secretValues();
    const run = start(...args);
    expect(`${await run.status} ${run.output()}`).toMatch(/^0 /);
    for (const secret of [...before, ...(await secretValues())]) expect(run.output()).not.toContain(secret);
    return run.stdout().trimEnd().split('\n');
  }

  async function clients(): Promise<{ core: CoreV1Api; admission: AdmissionregistrationV1Api }> {
    const config = await cluster.clientConfig(kubeconfig);
    return { core: makeClient(config, CoreV1Api), admission: makeClient(config, AdmissionregistrationV1Api) };
  }

  function start(...args: readonly string[]): Run {
    const run = countersign(['bootstrap', '--kubeconfig', kubeconfig, ...args]);
    running.add(run);
    void run.status.finally(() => running.delete(run));
    return run;
  }

  /** A directory that is given a Secret's values, as kubelet gives them to a container. */
  function volume(name: string) {
    const directory = mkdtempSync(join(cluster.dir, `${name}-`));
    const fill = (values: Record<string, string>) => {
      for (const [key, value] of Object.entries(values)) writeFileSync(join(directory, key), value);
    };
    return Object.assign(fill, { directory });
  }

  /** Path secrets, and the lines of private keys. */
  async function secretValues(): Promise<string[]> {
    const all = await Promise.all([caSecret, tlsSecret, pathSecret].map((name) => installation.secret(name)));
    const values = all.flatMap((data) => Object.entries(data).filter(([key]) => !key.endsWith('.crt')));
    return values.flatMap(([, value]) => value.split('\n')).filter((line) => /^[A-Za-z0-9+/=]{20,}$/.test(line));
  }

  async function authority(): Promise<{ certificate: string; key: string }> {
    const { 'ca.crt': certificate = '', 'ca.key': key = '' } = await installation.secret(caSecret);
    return { certificate, key };
  }

  async function serving(by: { certificate: string; key: string }, other: { dnsNames?: string[]; days?: number } = {}) {
    const request = { authority: by, dnsNames: SERVING_NAMES, ipAddresses: [], days: 180, now: new Date(), ...other };
    const { certificate, key } = await issueServing(request);
    return { 'tls.crt': certificate, 'tls.key': key };
  }

  /** What the API server and a replica need of one another, read as they would. */
  async function expectAllRight(): Promise<void> {
    const ca = await installation.secret(caSecret);
    const tls = await installation.secret(tlsSecret);
    const { current = '' } = await installation.secret(pathSecret);
    const mutating = await installation.mutating();
    const validating = await installation.validating();

    const [first] = certificatesOf(ca['ca.crt']);
    expect(first?.checkPrivateKey(createPrivateKey(ca['ca.key'] ?? ''))).toBe(true);
    const served = new X509Certificate(tls['tls.crt'] ?? '');
    expect(served.checkPrivateKey(createPrivateKey(tls['tls.key'] ?? ''))).toBe(true);
    expect(served.checkHost(`${OBJECT.webhook}.${namespace}.svc`, { subject: 'never' })).toBeDefined();
    expect(served.validToDate.getTime()).toBeGreaterThan(Date.now() + 30 * DAY_MS);
    const signer = certificatesOf(mutating.caBundle).find(
      (each) => served.checkIssued(each) && served.verify(each.publicKey),
    );
    expect(signer?.validToDate.getTime()).toBeGreaterThanOrEqual(served.validToDate.getTime());

    expect(current).toMatch(/^[0-9a-f]{64}$/);
    expect(mutating).toMatchObject({ path: `/mutate/${current}`, caBundle: ca['ca.crt'] });
    expect(validating).toMatchObject({ path: `/validate-policy/${current}`, caBundle: ca['ca.crt'] });
    expect(tls['ca.crt']).toBe(ca['ca.crt']);
  }
});

/** The outcome that each line reports. */
function outcomes(lines: readonly string[]): (string | undefined)[] {
  return lines.map((line) => /: (\w+)/.exec(line)?.[1]);
}

function certificatesOf(pem = ''): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
