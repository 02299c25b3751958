import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { type ApiResponse, apiRequest } from './api-request.ts';
import { type AuditEvent, type AuditFilter, readAuditLog } from './audit.ts';
import { Authority, type PemPair } from './certificates.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { type Layout, layoutOf } from './layout.ts';
import { type Patience, until } from './until.ts';

/** All that a process needs to use a control plane that another one owns. */
export interface Connection {
  readonly dir: string;
  readonly server: string;
  /** The path of the kubectl program. */
  readonly kubectl: string;
}

export type ComponentName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager';

/** Stops and starts single components, so that a test can see what happens without them. */
export interface ComponentControl {
  stopComponent(name: ComponentName): Promise<void>;
  startComponent(name: ComponentName): Promise<void>;
}

export interface KubectlOptions {
  /** The administrator's when not given. */
  readonly kubeconfig?: string;
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

export interface KubectlResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running control plane as tests see it. */
export class Cluster {
  /** The address of the API server. */
  readonly server: string;
  readonly dir: string;
  /** The certificate of the authority that signed the API server's certificate and the users'. */
  readonly ca: string;
  readonly adminKubeconfig: string;
  readonly #layout: Layout;
  readonly #kubectl: string;
  readonly #control: ComponentControl;
  #authority: Promise<Authority> | undefined;

  constructor(connection: Connection, control: ComponentControl) {
    this.#layout = layoutOf(connection.dir);
    this.#kubectl = connection.kubectl;
    this.#control = control;
    this.dir = connection.dir;
    this.server = connection.server;
    this.ca = readFileSync(this.#layout.pki('ca.crt'), 'utf8');
    this.adminKubeconfig = this.#layout.kubeconfig('admin');
  }

  /** A kubeconfig for a user with a client certificate: the certificate's CN is the name, its O are the groups. */
  async userKubeconfig(name: string, groups: readonly string[] = []): Promise<string> {
    const credentials = await (await this.#loadAuthority()).client(name, groups);
    return writeKubeconfig(this.#newKubeconfig(), this.server, this.ca, credentials);
  }

  /** A kubeconfig with a token for the service account, from the TokenRequest API. */
  async serviceAccountKubeconfig(namespace: string, name: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const { status } = JSON.parse(await this.#adminRequest('POST', path, request)) as { status: { token: string } };
    return writeKubeconfig(this.#newKubeconfig(), this.server, this.ca, { token: status.token });
  }

  /** A serving certificate signed by `ca`, for what the API server calls, such as a webhook on loopback. */
  async serverCertificate(hosts: readonly string[] = ['127.0.0.1', 'localhost']): Promise<PemPair> {
    return (await this.#loadAuthority()).server(hosts);
  }

  /** A kubeconfig's content (the administrator's when not given) as the client library takes it. */
  async clientConfig(kubeconfig: string = this.adminKubeconfig): Promise<KubeConfig> {
    // Imported here because it takes half a second and most tests do without.
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    return config;
  }

  /** Makes a namespace with a new name in which pods can be created: its service account exists already. */
  async newNamespace(labels: Readonly<Record<string, string>> = {}): Promise<string> {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: 'test-', labels } };
    const created = await this.#adminRequest('POST', '/api/v1/namespaces', body);
    const { name } = (JSON.parse(created) as { metadata: { name: string } }).metadata;
    await until(`namespace ${name} has its service account`, () =>
      this.#adminRequest('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`),
    );
    return name;
  }

  /** Runs kubectl. Not synchronously: a webhook that it leads to may live in the calling process. */
  kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
    const { kubeconfig = this.adminKubeconfig, stdin = '', timeoutMs = 60_000 } = options;
    // Nothing of the user's own set-up, such as ~/.kube, has a part in it.
    const env = { PATH: process.env['PATH'], HOME: this.dir, KUBECACHEDIR: join(this.dir, 'kubectl-cache') };
    const child = spawn(this.#kubectl, [`--kubeconfig=${kubeconfig}`, ...args], { env, timeout: timeoutMs });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    }
    // kubectl may end without reading what it is given.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        if (code !== null) resolve({ status: code, ...output });
        else reject(new Error(`kubectl ${args.join(' ')}: ${signal} (limit ${timeoutMs} ms)\n${output.stderr}`));
      });
    });
  }

  /** What the audit log has by now. The log may lag behind an answer: after a request use `untilAudited`. */
  auditEvents(filter: AuditFilter = {}): AuditEvent[] {
    return readAuditLog(this.#layout.auditLog, filter);
  }

  /** Waits until the audit log has at least `count` events that fit the filter. */
  untilAudited(filter: AuditFilter, count = 1, patience: Patience = {}): Promise<AuditEvent[]> {
    return until(
      `${count} audit event(s) with ${JSON.stringify(filter)}`,
      () => {
        const events = this.auditEvents(filter);
        return events.length >= count && events;
      },
      patience,
    );
  }

  /** Does something while a component is away, and brings it back whatever happens. */
  async without<T>(name: ComponentName, action: () => Promise<T>): Promise<T> {
    await this.stopComponent(name);
    try {
      return await action();
    } finally {
      await this.startComponent(name);
    }
  }

  /** Stops one component. Whoever does that starts it again: other test files use the same control plane. */
  stopComponent(name: ComponentName): Promise<void> {
    return this.#control.stopComponent(name);
  }

  /** Starts a stopped component and waits until it is ready. */
  startComponent(name: ComponentName): Promise<void> {
    return this.#control.startComponent(name);
  }

  #loadAuthority(): Promise<Authority> {
    this.#authority ??= Authority.load({ cert: this.ca, key: readFileSync(this.#layout.pki('ca.key'), 'utf8') });
    return this.#authority;
  }

  #newKubeconfig(): string {
    return this.#layout.kubeconfig(randomUUID());
  }

  async #adminRequest(method: 'GET' | 'POST', path: string, body?: unknown): Promise<string> {
    const response: ApiResponse = await apiRequest(
      { server: this.server, ca: this.ca, credentials: this.#adminCredentials() },
      method,
      path,
      body,
    );
    if (response.status >= 300) throw new Error(`${method} ${path}: ${response.status} ${response.body}`);
    return response.body;
  }

  #adminCredentials(): PemPair {
    const read = (file: string) => readFileSync(this.#layout.pki(file), 'utf8');
    return { cert: read('admin.crt'), key: read('admin.key') };
  }
}
