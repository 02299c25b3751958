import { createPrivateKey, X509Certificate } from 'node:crypto';
import { AdmissionregistrationV1Api, CoreV1Api } from '@kubernetes/client-node';
import { expect } from 'vitest';
import { SERVING_NAMES } from '../../src/cluster/bootstrap/serving.ts';
import { makeClient } from '../../src/cluster/client.ts';
import { OBJECT, WEBHOOKS } from '../../src/names.ts';
import { loadKeys, parsePrivateKeys, parsePublicKeys } from '../../src/stamp/keys.ts';
import { issueServing, type PemPair } from '../../src/tls/authority.ts';
import type { TestCluster } from './fixture.ts';
import { applyManifests, countersign, deleteManifests, Installation, namespace, type Run } from './installation.ts';

const { caSecret, tlsSecret, pathSecret, stampKeysSecret, stampKeysConfigMap } = OBJECT;
const DAY_MS = 86_400_000;

/** The manifests, applied, and `countersign bootstrap` run on them under the name that they give it. */
export class Trial {
  readonly installation: Installation;
  /** Ended by {@link killAll}, whatever came of a test. */
  readonly running = new Set<Run>();
  readonly #cluster: TestCluster;
  #kubeconfig = '';

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.installation = new Installation(cluster);
  }

  async begin(): Promise<void> {
    await applyManifests(this.#cluster);
    this.#kubeconfig = await this.#cluster.serviceAccountKubeconfig(namespace, 'countersign-bootstrap');
  }

  end(): Promise<void> {
    return deleteManifests(this.#cluster);
  }

  killAll(): void {
    for (const run of this.running) run.kill('SIGKILL');
  }

  /** Runs it to its good end, and checks that it gave no secret away. */
  async bootstrap(...args: readonly string[]): Promise<string[]> {
    const before = await this.#secretValues();
    const run = this.start(...args);
    expectGoodEnd(await run.status, run.output(), [...before, ...(await this.#secretValues())]);
    return run.stdout().trimEnd().split('\n');
  }

  start(...args: readonly string[]): Run {
    const run = countersign(['bootstrap', '--kubeconfig', this.#kubeconfig, ...args]);
    this.running.add(run);
    void run.status.finally(() => this.running.delete(run));
    return run;
  }

  /** Clients with the rights of bootstrap's service account. */
  async clients(): Promise<{ core: CoreV1Api; admission: AdmissionregistrationV1Api }> {
    const config = await this.#cluster.clientConfig(this.#kubeconfig);
    return { core: makeClient(config, CoreV1Api), admission: makeClient(config, AdmissionregistrationV1Api) };
  }

  async authority(): Promise<PemPair> {
    const { 'ca.crt': certificate = '', 'ca.key': key = '' } = await this.installation.secret(caSecret);
    return { certificate, key };
  }

  expectAllRight(): Promise<void> {
    return expectAllRight(this.installation);
  }

  /** Path secrets, the lines of private keys, and what is private of a JWK. */
  async #secretValues(): Promise<string[]> {
    const names = [caSecret, tlsSecret, pathSecret, stampKeysSecret];
    const all = await Promise.all(names.map((name) => this.installation.secret(name)));
    const values = all.flatMap((data) => Object.entries(data).filter(([key]) => !key.endsWith('.crt')));
    return values.flatMap(([key, value]) =>
      key.endsWith('.json')
        ? [...value.matchAll(/"d":"([^"]+)"/g)].map(([, d = '']) => d)
        : value.split('\n').filter((line) => /^[A-Za-z0-9+/=]{20,}$/.test(line)),
    );
  }
}

function expectGoodEnd(status: number | NodeJS.Signals, output: string, secrets: readonly string[]): void {
  expect(`${status} ${output}`).toMatch(/^0 /);
  for (const secret of secrets) expect(output).not.toContain(secret);
}

/** What the API server and a replica need of one another, read as they would. */
async function expectAllRight(installation: Installation): Promise<void> {
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
  const written = Object.entries(WEBHOOKS).map(([name, path]) => [
    name,
    { path: `${path}/${current}`, caBundle: ca['ca.crt'] },
  ]);
  expect({ ...mutating.webhooks, ...validating.webhooks }).toEqual(Object.fromEntries(written));
  expect(tls['ca.crt']).toBe(ca['ca.crt']);

  const { verifying, signing } = loadKeys(
    parsePrivateKeys((await installation.secret(stampKeysSecret))['keys.json'] ?? ''),
  );
  const published = (await installation.configMap(stampKeysConfigMap))['jwks.json'] ?? '';
  expect(published).not.toContain('"d"');
  expect([...parsePublicKeys(published).keys()]).toEqual([...verifying.keys()]);
  expect([...verifying.keys()]).toContain(signing.kid);
}

/** How many objects bootstrap reports on, one a line. */
export const OBJECTS = 7;

/** A serving certificate as a Secret holds it. */
export async function serving(authority: PemPair, other: { dnsNames?: string[]; days?: number } = {}) {
  const request = { authority, dnsNames: SERVING_NAMES, ipAddresses: [], days: 180, now: new Date(), ...other };
  const { certificate, key } = await issueServing(request);
  return { 'tls.crt': certificate, 'tls.key': key };
}

/** The outcome that each line of a run reports. */
export function outcomes(lines: readonly string[]): (string | undefined)[] {
  return lines.map((line) => /: (\w+)/.exec(line)?.[1]);
}

function certificatesOf(pem = ''): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
