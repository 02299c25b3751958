import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { AdmissionregistrationV1Api, CoreV1Api } from '@kubernetes/client-node';
import { expect } from 'vitest';
import { OBJECT, STAMP_KEYS_FILE } from '../../src/names.ts';
import type { TestCluster } from './fixture.ts';

export const root = join(import.meta.dirname, '../..');
export const { namespace } = OBJECT;

/** Applies `manifests/` as an admin does. */
export async function applyManifests(cluster: TestCluster): Promise<string[]> {
  const { status, stdout, stderr } = await cluster.kubectl(['apply', '-k', join(root, 'manifests')]);
  // Warnings too are a failure: Pod Security would tell here of a workload that does not fit the namespace.
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout.trimEnd().split('\n');
}

/** Takes everything away again, so that no other test meets a webhook that leads nowhere. */
export async function deleteManifests(cluster: TestCluster): Promise<void> {
  const args = ['delete', '-k', join(root, 'manifests'), '--ignore-not-found', '--timeout=90s'];
  const { status, stderr } = await cluster.kubectl(args, { timeoutMs: 110_000 });
  if (status !== 0) throw new Error(stderr);
}

type Patch = Record<string, string | null>;

const SECRETS = [OBJECT.caSecret, OBJECT.tlsSecret, OBJECT.pathSecret, OBJECT.stampKeysSecret];

export interface WebhookState {
  readonly resourceVersion: string;
  readonly caBundle: string | undefined;
  readonly path: string | undefined;
  /** What is written into each webhook, by its name; the two above are the first one's. */
  readonly webhooks: Readonly<
    Record<string, { readonly caBundle: string | undefined; readonly path: string | undefined }>
  >;
}

/** The objects that bootstrap cares for, seen and changed as an admin. */
export class Installation {
  readonly #cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  async secret(name: string): Promise<Record<string, string>> {
    const { data = {} } = await (await this.#core()).readNamespacedSecret({ name, namespace });
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  }

  async configMap(name: string): Promise<Record<string, string>> {
    const { data = {} } = await (await this.#core()).readNamespacedConfigMap({ name, namespace });
    return data;
  }

  /** Sets keys of a ConfigMap; `null` takes a key away. */
  async setConfigMap(name: string, data: Patch): Promise<void> {
    await this.#patch('configmap', name, { data });
  }

  /** Sets keys of a Secret; `null` takes a key away. */
  async setSecret(name: string, values: Patch): Promise<void> {
    const data = Object.entries(values).map(([key, value]) => [key, value && Buffer.from(value).toString('base64')]);
    await this.#patch('secret', name, { data: Object.fromEntries(data) });
  }

  async mutating(): Promise<WebhookState> {
    const name = OBJECT.mutatingConfiguration;
    return stateOf(await (await this.#admission()).readMutatingWebhookConfiguration({ name }));
  }

  async validating(): Promise<WebhookState> {
    const name = OBJECT.validatingConfiguration;
    return stateOf(await (await this.#admission()).readValidatingWebhookConfiguration({ name }));
  }

  /** Sets what bootstrap writes into the configurations; `null` takes it away. */
  async setClientConfig(values: { caBundle?: string | null; path?: string | null; port?: number }): Promise<void> {
    const { caBundle, ...service } = values;
    const encoded = caBundle && Buffer.from(caBundle).toString('base64');
    const clientConfig = { ...(caBundle !== undefined && { caBundle: encoded }), service };
    const admission = await this.#admission();
    const all = ({ webhooks = [] }: { webhooks?: { name: string }[] }) => ({
      webhooks: webhooks.map(({ name }) => ({ name, clientConfig })),
    });
    const { mutatingConfiguration, validatingConfiguration } = OBJECT;
    const mutating = await admission.readMutatingWebhookConfiguration({ name: mutatingConfiguration });
    await this.#patch('mutatingwebhookconfiguration', mutatingConfiguration, all(mutating));
    const validating = await admission.readValidatingWebhookConfiguration({ name: validatingConfiguration });
    await this.#patch('validatingwebhookconfiguration', validatingConfiguration, all(validating));
  }

  /** As the manifests leave it: all there, and empty. */
  async empty(): Promise<void> {
    for (const name of SECRETS) {
      const keys = Object.keys(await this.secret(name));
      await this.setSecret(name, Object.fromEntries(keys.map((key) => [key, null])));
    }
    await this.setConfigMap(OBJECT.stampKeysConfigMap, { [STAMP_KEYS_FILE.public]: null });
    await this.setClientConfig({ caBundle: null, path: null });
  }

  /** Of every object that bootstrap may write. */
  async resourceVersions(): Promise<string[]> {
    const core = await this.#core();
    const secrets = await Promise.all(SECRETS.map((name) => core.readNamespacedSecret({ name, namespace })));
    const publicKeys = await core.readNamespacedConfigMap({ name: OBJECT.stampKeysConfigMap, namespace });
    const configurations = [await this.mutating(), await this.validating()];
    return [
      ...[...secrets, publicKeys].map(({ metadata }) => metadata?.resourceVersion ?? ''),
      ...configurations.map(({ resourceVersion }) => resourceVersion),
    ];
  }

  async #patch(kind: string, name: string, patch: object): Promise<void> {
    const args = ['-n', namespace, 'patch', kind, name, '--type=strategic', `--patch=${JSON.stringify(patch)}`];
    const { status, stderr } = await this.#cluster.kubectl(args);
    if (status !== 0) throw new Error(stderr);
  }

  async #core(): Promise<CoreV1Api> {
    return (await this.#cluster.clientConfig()).makeApiClient(CoreV1Api);
  }

  async #admission(): Promise<AdmissionregistrationV1Api> {
    return (await this.#cluster.clientConfig()).makeApiClient(AdmissionregistrationV1Api);
  }
}

interface Configuration {
  metadata?: { resourceVersion?: string };
  webhooks?: { name: string; clientConfig: { caBundle?: string; service?: { path?: string } } }[];
}

function stateOf({ metadata, webhooks }: Configuration): WebhookState {
  const written = (webhooks ?? []).map(({ name, clientConfig }) => {
    const caBundle = clientConfig?.caBundle && Buffer.from(clientConfig.caBundle, 'base64').toString();
    return [name, { caBundle, path: clientConfig?.service?.path }] as const;
  });
  const [[, first] = []] = written;
  const { caBundle, path } = first ?? {};
  return { resourceVersion: metadata?.resourceVersion ?? '', caBundle, path, webhooks: Object.fromEntries(written) };
}

/** A `countersign` process. */
export interface Run {
  readonly status: Promise<number | NodeJS.Signals>;
  /** What it wrote by now, both streams. */
  output(): string;
  stdout(): string;
  kill(signal: NodeJS.Signals): void;
}

/** Starts `countersign` from the sources as a process of its own. Whoever starts it sees to its end. */
export function countersign(args: readonly string[]): Run {
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), ...args], {
    // Nothing but what it is given: neither a kube config of the user's own, nor a pod's.
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return {
    status: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
    }),
    output: () => stdout + stderr,
    stdout: () => stdout,
    kill: (signal) => child.kill(signal),
  };
}
