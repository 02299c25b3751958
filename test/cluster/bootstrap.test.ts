import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SERVING_NAMES } from '../../src/cluster/bootstrap/serving.ts';
import { OBJECT } from '../../src/names.ts';
import { newKey, parsePrivateKeys, type PrivateKeys } from '../../src/stamp/keys.ts';
import { createAuthority } from '../../src/tls/authority.ts';
import { OBJECTS, outcomes, serving, Trial } from './bootstrap-trial.ts';
import { connect } from './fixture.ts';
import { applyManifests, countersign, namespace } from './installation.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { freePorts } from './ports.ts';

const cluster = connect();
const trial = new Trial(cluster);
const { installation } = trial;
const { caSecret, tlsSecret, pathSecret, stampKeysSecret, stampKeysConfigMap } = OBJECT;
const DAY_MS = 86_400_000;

// Each run is a process of its own that acts as the service account of the manifests, so it has their rights alone.
describe.skipIf(cluster.unavailable)('countersign bootstrap', () => {
  beforeAll(() => trial.begin());
  afterAll(() => trial.end());
  afterEach(() => trial.killAll());

  describe('on what the manifests made', () => {
    beforeEach(() => installation.empty());

    test('makes everything', async () => {
      expect(await trial.bootstrap()).toEqual([
        `Secret ${namespace}/${caSecret}: made (there was none)`,
        `Secret ${namespace}/${pathSecret}: made (there was none)`,
        `Secret ${namespace}/${stampKeysSecret}: made (there was none)`,
        `ConfigMap ${namespace}/${stampKeysConfigMap}: made (there was none)`,
        'MutatingWebhookConfiguration countersign: made (path and caBundle)',
        'ValidatingWebhookConfiguration countersign: made (path and caBundle)',
        `Secret ${namespace}/${tlsSecret}: made (there was none)`,
      ]);
      await trial.expectAllRight();
    });

    test('and then changes nothing more', async () => {
      await trial.bootstrap();
      const before = await installation.resourceVersions();
      expect(outcomes(await trial.bootstrap())).toEqual(Array(OBJECTS).fill('unchanged'));
      expect(await installation.resourceVersions()).toEqual(before);
    });

    test('runs beside itself', async () => {
      const rest = ['--settle', '0s'];
      await Promise.all([
        trial.bootstrap(...rest),
        trial.bootstrap(...rest),
        trial.bootstrap('--rotate-path-secret', ...rest),
      ]);
      await trial.expectAllRight();
    });

    test('leaves certificates and caBundle to cert-manager where that makes them', async () => {
      expect(await trial.bootstrap('--certificate', 'cert-manager')).toEqual([
        `Secret ${namespace}/${pathSecret}: made (there was none)`,
        `Secret ${namespace}/${stampKeysSecret}: made (there was none)`,
        `ConfigMap ${namespace}/${stampKeysConfigMap}: made (there was none)`,
        'MutatingWebhookConfiguration countersign: made (path)',
        'ValidatingWebhookConfiguration countersign: made (path)',
      ]);
      expect(await installation.secret(caSecret)).toEqual({});
      expect(await installation.secret(tlsSecret)).toEqual({});
      const { current } = await installation.secret(pathSecret);
      expect(await installation.mutating()).toMatchObject({ path: `/mutate/${current}`, caBundle: undefined });
    });
  });

  describe('repairs', () => {
    beforeAll(async () => {
      await trial.bootstrap();
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
        async () =>
          installation.setSecret(tlsSecret, await serving(await trial.authority(), { dnsNames: ['other.svc'] })),
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
      [
        'public keys that were deleted',
        `${stampKeysConfigMap}: made (there was none)`,
        () => installation.setConfigMap(stampKeysConfigMap, { 'jwks.json': null }),
      ],
      [
        'public keys that are not those of the Secret',
        `${stampKeysConfigMap}: repaired (jwks.json did not hold the keys of the Secret)`,
        () => installation.setConfigMap(stampKeysConfigMap, { 'jwks.json': '{"keys":[]}' }),
      ],
    ])('%s', async (_, says, damage) => {
      await damage();
      expect((await trial.bootstrap()).join('\n')).toContain(says);
      await trial.expectAllRight();
      expect(outcomes(await trial.bootstrap())).toEqual(Array(OBJECTS).fill('unchanged'));
    });
  });

  describe('renews', () => {
    test('a serving certificate that ends within 30 days, by the same authority', async () => {
      await trial.bootstrap();
      const before = await trial.authority();
      await installation.setSecret(tlsSecret, await serving(before, { days: 29 }));
      expect((await trial.bootstrap()).join('\n')).toContain(`${tlsSecret}: renewed (it ends on `);
      expect(await trial.authority()).toEqual(before);
      await trial.expectAllRight();
    });

    test('an authority that is about to end, which stays trusted beside the new one', async () => {
      const old = await createAuthority({ commonName: 'Countersign webhook CA', days: 29, now: new Date() });
      await installation.setSecret(caSecret, { 'ca.crt': old.certificate, 'ca.key': old.key });
      await trial.bootstrap();
      const bundle = (await installation.secret(caSecret))['ca.crt'] ?? '';
      expect(bundle).not.toBe(old.certificate);
      expect(bundle.endsWith(old.certificate)).toBe(true);
      expect((await installation.mutating()).caBundle).toBe(bundle);
      await trial.expectAllRight();
    });

    test('an authority long before what it signed ends, and leaves that alone', async () => {
      const old = await createAuthority({ commonName: 'Countersign webhook CA', days: 200, now: new Date() });
      const served = await serving(old);
      await installation.setSecret(caSecret, { 'ca.crt': old.certificate, 'ca.key': old.key });
      await installation.setSecret(tlsSecret, served);
      await trial.bootstrap();
      const after = await installation.secret(tlsSecret);
      expect(after['tls.crt']).toBe(served['tls.crt']);
      expect(after['ca.crt']?.endsWith(old.certificate)).toBe(true);
      await trial.expectAllRight();
    });

    test('the bundle, once an old authority has ended', async () => {
      await trial.bootstrap();
      const now = new Date(Date.now() - 10 * DAY_MS);
      const ended = await createAuthority({ commonName: 'Countersign webhook CA', days: 9, now });
      const { certificate } = await trial.authority();
      await installation.setSecret(caSecret, { 'ca.crt': certificate + ended.certificate });
      expect((await trial.bootstrap()).join('\n')).toContain(
        `${caSecret}: renewed (an authority that it replaced has ended)`,
      );
      expect((await installation.mutating()).caBundle).toBe(certificate);
      await trial.expectAllRight();
    });
  });

  describe('leaves stamp keys as they are', () => {
    beforeEach(() => trial.bootstrap().then(() => undefined));

    test('when they work, whatever else it repairs', async () => {
      const before = await installation.secret(stampKeysSecret);
      await installation.setSecret(pathSecret, { current: 'guessable' });
      await trial.bootstrap();
      expect(await installation.secret(stampKeysSecret)).toEqual(before);
    });

    test.each<[flaw: string, says: string, (whole: PrivateKeys) => string]>([
      ['that are cut off', 'it is not JSON', (whole) => JSON.stringify(whole).slice(0, -30)],
      [
        'of which one has another id',
        'is not the thumbprint of its key',
        (whole) => JSON.stringify({ ...whole, keys: whole.keys.map((key) => ({ ...key, kid: 'another' })) }),
      ],
      [
        'whose halves do not belong together',
        'Invalid JWK OKP key',
        (whole) => JSON.stringify({ ...whole, keys: whole.keys.map((key) => ({ ...key, d: newKey().d })) }),
      ],
    ])('%s: it says so, and does everything else', async (_, says, damage) => {
      const whole = await installation.secret(stampKeysSecret);
      const broken = damage(parsePrivateKeys(whole['keys.json'] ?? ''));
      await installation.setSecret(stampKeysSecret, { 'keys.json': broken });
      await installation.setClientConfig({ path: null });
      const run = trial.start();
      expect(await run.status).toBe(2);
      expect(run.output()).toContain(
        `[KeysInvalid] Secret ${stampKeysSecret}, keys.json: the stamp keys cannot be used: `,
      );
      expect(run.output()).toContain(says);
      expect(run.output()).toContain('Next: put it back from a backup');
      expect(run.output()).toContain('MutatingWebhookConfiguration countersign: made (path)');
      for (const [, d = ''] of broken.matchAll(/"d":"([^"]{8})/g)) expect(run.output()).not.toContain(d);
      expect(await installation.secret(stampKeysSecret)).toEqual({ 'keys.json': broken });

      await installation.setSecret(stampKeysSecret, whole);
      await trial.bootstrap();
      await trial.expectAllRight();
    });
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
      const run = trial.start();
      expect(await run.status).toBe(2);
      expect(run.output()).toContain('[BootstrapFailed] ValidatingWebhookConfiguration countersign: 404 ');
      expect(run.output()).toContain('Next: apply the manifests');
      await applyManifests(cluster);
      await trial.bootstrap();
      await trial.expectAllRight();
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
});
