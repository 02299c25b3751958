import { createPublicKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OBJECT } from '../../../../src/names.ts';
import { newKey, type PrivateKeys } from '../../../../src/stamp/keys.ts';
import type { Cluster } from '../../cluster.ts';
import { Component } from '../../component.ts';
import { freePorts } from '../../ports.ts';

const root = join(import.meta.dirname, '../../../..');

/** What the injected container runs in these tests; nothing pulls it, as there is no node. */
export const SESSION_IMAGE = `countersign@sha256:${'0'.repeat(64)}`;

export interface WebhookOptions {
  /** What sessions run in, where there is a node; {@link SESSION_IMAGE} when not given. */
  readonly sessionImage?: string;
  /** The service account in Countersign's namespace whose rights it has; the one of `manifests/` when not given. */
  readonly account?: string;
  /** What has to be well before it counts as started. */
  readonly probe?: 'readyz' | 'livez';
  /** Where it finds the API server, such as a way that a test can block. */
  readonly server?: string;
  /** What it shares with another replica: its path secret, and the keys of stamps to begin with. */
  readonly secret?: string;
  readonly keys?: PrivateKeys;
  /** Arguments of node itself. */
  readonly nodeArgs?: readonly string[];
}

interface Parts {
  readonly ports: readonly [number, number];
  readonly secret: string;
  readonly keys: PrivateKeys;
  readonly keysDir: string;
  readonly log: string;
  readonly component: Component;
}

/** `countersign webhook` as a process, with no more rights than `manifests/` gives it. */
export class WebhookProcess {
  readonly port: number;
  readonly probePort: number;
  readonly secret: string;
  /** The public parts of the keys that it signs stamps with, by id. */
  readonly stampKeys: ReadonlyMap<string, KeyObject>;
  /** Those keys with their private parts, and the directory in which it looks for them. */
  readonly keys: PrivateKeys;
  readonly keysDir: string;
  readonly #log: string;
  readonly #component: Component;

  private constructor(parts: Parts) {
    [this.port, this.probePort] = parts.ports;
    this.secret = parts.secret;
    this.keys = parts.keys;
    this.stampKeys = verifyingKeys(parts.keys);
    this.keysDir = parts.keysDir;
    this.#log = parts.log;
    this.#component = parts.component;
  }

  /** Prepares it; its service account must be there already. */
  static async create(cluster: Cluster, options: WebhookOptions = {}): Promise<WebhookProcess> {
    const {
      sessionImage = SESSION_IMAGE,
      account = OBJECT.webhook,
      probe = 'readyz',
      nodeArgs = [],
      keys = newKeys(),
      server,
    } = options;
    const { secret = randomBytes(32).toString('base64url') } = options;
    const dir = join(cluster.dir, `webhook-${randomUUID()}`);
    const tls = join(dir, 'tls');
    const secrets = join(dir, 'path');
    const keysDir = join(dir, 'stamp-keys');
    for (const path of [tls, secrets, keysDir]) mkdirSync(path, { recursive: true });
    const { cert, key } = await cluster.serverCertificate();
    writeFileSync(join(tls, 'tls.crt'), cert);
    writeFileSync(join(tls, 'tls.key'), key, { mode: 0o600 });
    writeFileSync(join(secrets, 'current'), secret, { mode: 0o600 });
    writeFileSync(join(keysDir, 'keys.json'), JSON.stringify(keys), { mode: 0o600 });
    const kubeconfig = await cluster.serviceAccountKubeconfig(OBJECT.namespace, account);
    if (server !== undefined) lead(kubeconfig, cluster.server, server);
    const ports = await freePorts(['127.0.0.1', '127.0.0.1']);
    const log = join(dir, 'log');
    const component = new Component({
      command: [
        process.execPath,
        ...nodeArgs,
        join(root, 'src/main.ts'),
        'webhook',
        `--kubeconfig=${kubeconfig}`,
        `--tls-dir=${tls}`,
        `--path-secret-dir=${secrets}`,
        `--stamp-keys-dir=${keysDir}`,
        `--session-image=${sessionImage}`,
        '--host=127.0.0.1',
        `--port=${ports[0]}`,
        `--probe-port=${ports[1]}`,
        '--drain-seconds=0',
      ],
      env: { PATH: process.env['PATH'] },
      logPath: log,
      ready: async () => (await fetch(`http://127.0.0.1:${ports[1]}/${probe}`)).ok,
      readyTimeoutMs: 30_000,
    });
    return new WebhookProcess({ ports, secret, keys, keysDir, log, component });
  }

  start(): Promise<void> {
    return this.#component.start();
  }

  stop(): Promise<void> {
    return this.#component.stop(10_000);
  }

  /** Ends it at once, in the middle of whatever it does. */
  kill(): Promise<void> {
    return this.#component.kill();
  }

  /** What it wrote: one JSON object a line. */
  log(): readonly Record<string, unknown>[] {
    const lines = readFileSync(this.#log, 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Reads a counter with these labels from its metrics. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.probePort}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    const found = lines.filter((line) => wanted.every((label) => line.includes(label)));
    return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}

function newKeys(): PrivateKeys {
  const key = newKey();
  return { signing: key.kid, keys: [key] };
}

/** The public parts of keys, by id. */
export function verifyingKeys({ keys }: PrivateKeys): ReadonlyMap<string, KeyObject> {
  return new Map(keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]));
}

/** Has a kubeconfig lead to another address. */
function lead(kubeconfig: string, from: string, to: string): void {
  const text = readFileSync(kubeconfig, 'utf8');
  if (!text.includes(from)) throw new Error(`${kubeconfig} does not lead to ${from}`);
  writeFileSync(kubeconfig, text.replace(from, to));
}
