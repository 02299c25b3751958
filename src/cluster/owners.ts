import { Agent, request, type RequestOptions } from 'node:https';
import { AuthorizationV1Api, CoreV1Api, type KubeConfig } from '@kubernetes/client-node';
import { isObject } from '../json.ts';
import type { Owners, Read, Wanted } from '../lineage/owners.ts';
import { API } from '../names.ts';
import type { Requester } from '../operator/requester.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { apiFailure, makeClient } from './client.ts';

export interface ClusterOwnersOptions {
  readonly config: KubeConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Reads in flight at once; each that waits for a place spends its own deadline. */
const MAX_SOCKETS = 64;

const RETRY_MS = 1_000;

/** Reads owners from the API server, raw and live. */
export class ClusterOwners implements Owners {
  readonly #options: ClusterOwnersOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  readonly #inFlight = new Map<string, Promise<Read>>();
  #stopped = false;

  constructor(options: ClusterOwnersOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
    this.#agent.destroy();
  }

  read(wanted: Wanted, deadline: number): Promise<Read> {
    const path = pathOf(wanted);
    const shared = this.#inFlight.get(path) ?? this.#start(path, deadline);
    return within(shared, deadline);
  }

  #start(path: string, deadline: number): Promise<Read> {
    const read = this.#get(path, deadline).finally(() => this.#inFlight.delete(path));
    this.#inFlight.set(path, read);
    return read;
  }

  async #get(path: string, deadline: number): Promise<Read> {
    try {
      const { status, body } = await this.#request(path, Math.max(1, deadline - Date.now()));
      if (status === 404) return { kind: 'missing' };
      if (status !== 200 || !isObject(body)) return { kind: 'failed', problem: `the API server answered ${status}` };
      return { kind: 'found', object: body };
    } catch (thrown) {
      return { kind: 'failed', problem: apiFailure(thrown).text };
    }
  }

  async #request(path: string, timeout: number): Promise<{ status: number; body: unknown }> {
    const { config } = this.#options;
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options as never);
    const server = config.getCurrentCluster()?.server ?? '';
    return new Promise((resolve, reject) => {
      const call = request(
        new URL(path, server),
        { ...options, agent: this.#agent, signal: AbortSignal.timeout(timeout) },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            try {
              resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
            } catch (error) {
              reject(error);
            }
          });
        },
      );
      call.on('error', reject);
      call.end();
    });
  }

  async mayUse(verb: string, requester: Requester, deadline: number): Promise<boolean | undefined> {
    const api = makeClient(this.#options.config, AuthorizationV1Api, Math.max(1, deadline - Date.now()));
    const { username: user, uid, groups, extra } = requester;
    try {
      const review = await api.createSubjectAccessReview({
        body: {
          spec: {
            user,
            ...(uid !== undefined && { uid }),
            groups: [...groups],
            extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])),
            resourceAttributes: { group: API.group, resource: API.policyPlural, verb },
          },
        },
      });
      return review.status?.allowed === true;
    } catch (thrown) {
      this.#options.log.error({ reason: apiFailure(thrown).text }, 'a right cannot be looked up');
      return undefined;
    }
  }

  /** The uid of kube-system, which stands for the cluster; asked for until it is known. */
  async clusterId(): Promise<string> {
    const core = makeClient(this.#options.config, CoreV1Api);
    while (!this.#stopped) {
      try {
        const { metadata } = await core.readNamespace({ name: 'kube-system' });
        if (metadata?.uid !== undefined) return metadata.uid;
      } catch (thrown) {
        this.#options.log.warn(
          { reason: apiFailure(thrown).text },
          'the id of the cluster cannot be read; trying again',
        );
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    return '';
  }
}

function pathOf({ kind, version, namespace, name }: Wanted): string {
  const served = version !== undefined && kind.versions.includes(version) ? version : (kind.versions[0] ?? '');
  const root = kind.group === '' ? `/api/${served}` : `/apis/${kind.group}/${served}`;
  return `${root}/namespaces/${encodeURIComponent(namespace)}/${kind.resource}/${encodeURIComponent(name)}`;
}

async function within(read: Promise<Read>, deadline: number): Promise<Read> {
  const late = Promise.withResolvers<Read>();
  const timer = setTimeout(
    () => late.resolve({ kind: 'failed', problem: 'the API server did not answer in time' }),
    Math.max(0, deadline - Date.now()),
  );
  try {
    return await Promise.race([read, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
