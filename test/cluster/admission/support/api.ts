import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { V1Pod } from '@kubernetes/client-node';

/** An answer of the API server, with what it warned of. */
export interface Answer<Body = Status> {
  readonly status: number;
  readonly body: Body;
  readonly warnings: readonly string[];
}

/** What the API server says when it refuses (meta/v1 Status). */
export interface Status {
  readonly kind?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

export interface Call {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * The API server as one user reaches it, by the credentials of a kubeconfig that `Cluster` wrote. For what is stored;
 * for what people see there is kubectl. It sends headers as they are given, which clients with a library cannot.
 */
export class Api {
  readonly #server: string;
  readonly #agent: Agent;
  readonly #authorization: Readonly<Record<string, string>>;

  constructor(kubeconfig: string) {
    const { clusters, users } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as {
      clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
      users: { user: { token?: string; 'client-certificate-data'?: string; 'client-key-data'?: string } }[];
    };
    const [cluster] = clusters;
    const [user] = users;
    if (cluster === undefined || user === undefined) throw new Error(`${kubeconfig} is not one of ours`);
    const { token, 'client-certificate-data': cert, 'client-key-data': key } = user.user;
    this.#server = cluster.cluster.server;
    this.#authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.#agent = new Agent({
      keepAlive: true,
      ca: pem(cluster.cluster['certificate-authority-data']),
      ...(cert !== undefined && key !== undefined && { cert: pem(cert), key: pem(key) }),
    });
  }

  call<Body = Status>(method: string, path: string, { body, headers = {} }: Call = {}): Promise<Answer<Body>> {
    return new Promise((resolve, reject) => {
      const patch = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const call = request(
        new URL(path, this.#server),
        {
          method,
          agent: this.#agent,
          timeout: 30_000,
          headers: { 'content-type': patch, ...this.#authorization, ...(headers as Record<string, string | string[]>) },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('error', reject);
          response.on('end', () => {
            try {
              const { statusCode = 0, headers: got } = response;
              resolve({ status: statusCode, body: JSON.parse(text) as Body, warnings: warningsIn(got['warning']) });
            } catch (error) {
              reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`, { cause: error }));
            }
          });
        },
      );
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Asks for a pod; the answer is the pod as stored, or a Status. */
  postPod(namespace: string, pod: unknown, { dryRun = false, headers = {} } = {}): Promise<Answer<V1Pod & Status>> {
    const query = `fieldValidation=Ignore${dryRun ? '&dryRun=All' : ''}`;
    return this.call('POST', `/api/v1/namespaces/${namespace}/pods?${query}`, { body: pod, headers });
  }

  /** The pod as stored; fails when it was refused. */
  async createPod(namespace: string, pod: unknown, options: { dryRun?: boolean } = {}): Promise<V1Pod> {
    const { status, body } = await this.postPod(namespace, pod, options);
    if (status !== 201) throw new Error(`refused: ${status} ${body.message}`);
    return body;
  }

  /** The denial; fails when the pod was admitted. */
  async refusal(namespace: string, pod: unknown, headers: Record<string, string> = {}): Promise<Status> {
    const { status, body } = await this.postPod(namespace, pod, { headers });
    if (status < 300) throw new Error(`admitted: ${JSON.stringify(body)}`);
    return body;
  }
}

/** Each is `299 - "text"`, RFC 7234 section 5.5, several in one header. */
function warningsIn(header: string | string[] | undefined): readonly string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(', ');
  return [...text.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, warning = '']) => warning.replaceAll(/\\(.)/g, '$1'));
}

function pem(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}
