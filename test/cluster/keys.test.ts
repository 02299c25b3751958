import { CoreV1Api } from '@kubernetes/client-node';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeClient } from '../../src/cluster/client.ts';
import { clusterKeyStore } from '../../src/cluster/key-store.ts';
import { OBJECT } from '../../src/names.ts';
import { parsePrivateKeys, parsePublicKeys } from '../../src/stamp/keys.ts';
import { rotateKeys } from '../../src/stamp/store.ts';
import { connect } from './fixture.ts';
import { applyManifests, countersign, deleteManifests, Installation, namespace } from './installation.ts';

const cluster = connect();
const installation = new Installation(cluster);
const { stampKeysSecret: secret, stampKeysConfigMap: configMap } = OBJECT;

// By somebody who has the rights that docs/operations.md names, and no others.
describe.skipIf(cluster.unavailable)('countersign keys, in the cluster', () => {
  let kubeconfig = '';

  beforeAll(async () => {
    await applyManifests(cluster);
    kubeconfig = await cluster.userKubeconfig('key-keeper@example.com');
    const create = ['-n', namespace, 'create'];
    for (const args of [
      ['role', 'key-keeper', '--verb=get,patch', '--resource=secrets,configmaps', `--resource-name=${secret}`],
      ['rolebinding', 'key-keeper', '--role=key-keeper', '--user=key-keeper@example.com'],
    ]) {
      const { status, stderr } = await cluster.kubectl([...create, ...args]);
      if (status !== 0) throw new Error(stderr);
    }
  });
  afterAll(() => deleteManifests(cluster));
  beforeEach(async () => {
    await installation.setSecret(secret, { 'keys.json': null });
    await installation.setConfigMap(configMap, { 'jwks.json': null });
  });

  const run = async (...args: readonly string[]) => {
    const child = countersign(['keys', ...args, '--kubeconfig', kubeconfig]);
    return { status: await child.status, output: child.output(), stdout: child.stdout() };
  };
  const keys = async () => parsePrivateKeys((await installation.secret(secret))['keys.json'] ?? '');
  const published = async () => [
    ...parsePublicKeys((await installation.configMap(configMap))['jwks.json'] ?? '').keys(),
  ];
  const store = async () => {
    const config = await cluster.clientConfig(kubeconfig);
    return clusterKeyStore(makeClient(config, CoreV1Api), namespace);
  };

  test('init, rotate, list and retire', async () => {
    expect((await run('init')).status).toBe(0);
    const { signing: first, keys: made } = await keys();
    expect(await published()).toEqual([first]);

    const rotated = await run('rotate', '--settle', '0');
    const { signing: second } = await keys();
    expect(rotated.stdout).toContain(`stamp key ${second}: signs from now on`);
    expect(rotated.output).not.toContain(made[0]?.d);
    expect(await published()).toEqual([first, second]);
    expect((await run('list')).stdout).toBe(`${first}  verifying\n${second}  signing\n`);

    expect((await run('retire', first)).status).toBe(0);
    expect((await keys()).keys.map(({ kid }) => kid)).toEqual([second]);
    expect(await published()).toEqual([second]);
  });

  test('rotate publishes the new key, in both places, before it signs', async () => {
    await run('init');
    const { signing: first } = await keys();
    const { to } = await rotateKeys(await store(), async (kid) => {
      const { signing, keys: present } = await keys();
      expect(signing).toBe(first);
      expect(present.map((key) => key.kid)).toEqual([first, kid]);
      expect(await published()).toEqual([first, kid]);
    });
    expect((await keys()).signing).toBe(to);
  });

  test('two rotations at once come to one new key that signs', async () => {
    await run('init');
    const { signing: first } = await keys();
    const results = await Promise.all([run('rotate', '--settle', '1'), run('rotate', '--settle', '1')]);
    expect(results.map(({ status }) => status)).toEqual([0, 0]);
    const { signing, keys: present } = await keys();
    expect(present.map(({ kid }) => kid)).toEqual([first, signing]);
  });

  test('a rotation whose key is retired while it waits leaves the old one to sign, and says so', async () => {
    await run('init');
    const { signing: first } = await keys();
    const rotation = rotateKeys(await store(), async (kid) => void (await run('retire', kid)));
    await expect(rotation).rejects.toThrow('somebody else changed the stamp keys meanwhile');
    expect((await keys()).signing).toBe(first);
  });

  test('who may not is told who may', async () => {
    const nobody = await cluster.userKubeconfig('nobody@example.com');
    const child = countersign(['keys', 'list', '--kubeconfig', nobody]);
    expect(await child.status).toBe(2);
    expect(child.output()).toContain(`[BootstrapFailed] Secret ${namespace}/${secret}: 403 `);
  });
});
