import { setTimeout as sleep } from 'node:timers/promises';
import { ApiException, type KubeConfig } from '@kubernetes/client-node';
import { isObject, type JsonObject } from '../json.ts';
import type { Owners, Read, Wanted } from '../lineage/owners.ts';
import { API } from '../names.ts';
import type { Requester } from '../operator/requester.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { apiFailure } from './client.ts';
import { by, Deadline } from './deadline.ts';
import { RawApi } from './raw-api.ts';
import { Turns } from './turns.ts';

export interface ClusterOwnersOptions {
  readonly config: KubeConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Requests at a time. Whatever waits for its turn spends its own time. */
const MOST_AT_A_TIME = 64;

/** Until it is asked again for the id of the cluster, and how long each answer may take. */
const CLUSTER_ID_MS = { pause: 1_000, patience: 10_000 };

interface Flight {
  readonly read: Promise<Read>;
  readonly deadline: Deadline;
}

/**
 * Reads owners from the API server, live: nothing is kept once its request has ended. Pods of one owner that wait at
 * the same time share one request, as of a Job of 200 pods.
 */
export class ClusterOwners implements Owners {
  readonly #options: ClusterOwnersOptions;
  readonly #api: RawApi;
  readonly #turns = new Turns(MOST_AT_A_TIME);
  readonly #flights = new Map<string, Flight>();
  readonly #stopped = new AbortController();
  #clusterId: Promise<string> | undefined;

  constructor(options: ClusterOwnersOptions) {
    this.#options = options;
    this.#api = new RawApi(options.config);
  }

  /** Ends what is under way, as failed. */
  stop(): void {
    this.#stopped.abort();
    this.#api.close();
  }

  async read(wanted: Wanted, deadline: number): Promise<Read> {
    const path = pathOf(wanted);
    if (path === undefined) return { kind: 'missing' };
    const end = this.#options.metrics.ownerReads.startTimer();
    const flight = this.#flights.get(path);
    if (flight === undefined) {
      const read = await this.#start(path, wanted, deadline);
      end({ result: read.kind });
      return read;
    }
    // It must not fail for those who have more time than the one who started it, nor keep those who have less.
    flight.deadline.putOff(deadline);
    const read = await by(deadline, flight.read).catch(failed);
    end({ result: 'shared' });
    return read;
  }

  #start(path: string, wanted: Wanted, at: number): Promise<Read> {
    const deadline = new Deadline(at);
    const read = this.#get(path, wanted, deadline.signal).finally(() => {
      deadline.drop();
      this.#flights.delete(path);
    });
    this.#flights.set(path, { read, deadline });
    // With more time for others, it must still end for this one.
    return by(at, read).catch((thrown: unknown) => {
      deadline.expire(at);
      return failed(thrown);
    });
  }

  async #get(path: string, { name }: Wanted, signal: AbortSignal): Promise<Read> {
    const { liveReads } = this.#options.metrics;
    try {
      const object = await this.#turns.take(signal, () => this.#api.json({ method: 'GET', path, signal }));
      liveReads.inc({ result: 'ok' });
      if (isNamed(object, name)) return { kind: 'found', object };
      return { kind: 'failed', problem: 'the API server answered with something else than the object' };
    } catch (thrown) {
      if (isMissing(thrown, name)) {
        liveReads.inc({ result: 'ok' });
        return { kind: 'missing' };
      }
      liveReads.inc({ result: 'failed' });
      return failed(thrown);
    }
  }

  async mayUse(verb: string, requester: Requester, at: number): Promise<boolean | undefined> {
    const { log, metrics } = this.#options;
    const deadline = new Deadline(at);
    const { signal } = deadline;
    const asked = { method: 'POST', path: ACCESS_REVIEWS, body: accessReview(verb, requester), signal } as const;
    try {
      const review = await this.#turns.take(signal, () => this.#api.json(asked));
      const status = isObject(review) ? review['status'] : undefined;
      const allowed = isObject(status) ? status['allowed'] : undefined;
      if (typeof allowed !== 'boolean') throw new Error('the API server answered with something else than a review');
      metrics.liveReads.inc({ result: 'ok' });
      return allowed;
    } catch (thrown) {
      metrics.liveReads.inc({ result: 'failed' });
      log.warn({ verb, reason: apiFailure(thrown).text }, 'a right cannot be looked up; the request is refused');
      return undefined;
    } finally {
      deadline.drop();
    }
  }

  /**
   * The uid of namespace kube-system, which stands for the cluster: asked for until it is known, then never again.
   * Empty when stopped before.
   */
  clusterId(): Promise<string> {
    this.#clusterId ??= this.#untilClusterId();
    return this.#clusterId;
  }

  async #untilClusterId(): Promise<string> {
    const path = '/api/v1/namespaces/kube-system';
    while (!this.#stopped.signal.aborted) {
      try {
        const timeout = AbortSignal.timeout(CLUSTER_ID_MS.patience);
        const namespace = await this.#api.json({ method: 'GET', path, signal: timeout });
        const uid = isNamed(namespace, 'kube-system') ? namespace.metadata['uid'] : undefined;
        if (typeof uid === 'string' && uid !== '') return uid;
        throw new Error('namespace kube-system has no uid');
      } catch (thrown) {
        const reason = apiFailure(thrown).text;
        this.#options.log.warn({ reason }, 'the id of the cluster cannot be read; trying again');
      }
      await sleep(CLUSTER_ID_MS.pause, undefined, { signal: this.#stopped.signal }).catch(() => {});
    }
    return '';
  }
}

/**
 * Names that an object can have (RFC 1123 subdomains). Whatever else a reference says names nothing: a name is put into
 * a path, and `web/scale` would be answered with an object of the same name and uid that holds no template.
 */
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

function pathOf({ kind, version, namespace, name }: Wanted): string | undefined {
  if (!NAME.test(namespace) || !NAME.test(name)) return undefined;
  const [newest = ''] = kind.versions;
  const served = version !== undefined && kind.versions.includes(version) ? version : newest;
  const root = kind.group === '' ? `/api/${served}` : `/apis/${kind.group}/${served}`;
  return `${root}/namespaces/${namespace}/${kind.resource}/${name}`;
}

function isNamed(object: unknown, name: string): object is JsonObject & { readonly metadata: JsonObject } {
  return isObject(object) && isObject(object['metadata']) && object['metadata']['name'] === name;
}

/** Whether there is no such object. Of a kind or version that it does not serve, the API server says 404 as well. */
function isMissing(thrown: unknown, name: string): boolean {
  if (!(thrown instanceof ApiException) || thrown.code !== 404 || typeof thrown.body !== 'string') return false;
  try {
    const status: unknown = JSON.parse(thrown.body);
    return isObject(status) && isObject(status['details']) && status['details']['name'] === name;
  } catch {
    return false;
  }
}

function failed(thrown: unknown): Read {
  return { kind: 'failed', problem: apiFailure(thrown).text };
}

const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

function accessReview(verb: string, { username, uid, groups, extra }: Requester): object {
  const resourceAttributes = { group: API.group, version: API.version, resource: API.policyPlural, verb };
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user: username, uid, groups, extra, resourceAttributes },
  };
}
