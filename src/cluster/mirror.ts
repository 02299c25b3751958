import { type KubeConfig, Watch } from '@kubernetes/client-node';
import type { JsonObject } from '../json.ts';
import { apiFailure } from './client.ts';

/** An object of the API server, as far as a mirror looks at it. */
export interface ApiObject {
  readonly metadata?: {
    readonly name?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
  };
}

export interface MirrorOptions<Kind extends ApiObject> {
  readonly config: KubeConfig;
  /** Path of the collection, such as `/api/v1/namespaces`. */
  readonly path: string;
  readonly labelSelector?: string;
  /** Lists the collection, with the resource version that the list shows. */
  readonly list: () => Promise<{ items: readonly Kind[]; resourceVersion: string }>;
  /** Called once each time the connection to the API server is lost. */
  readonly onLost: (reason: string) => void;
  /** Called for every object that appears, changes or goes (undefined). */
  readonly onChange?: (name: string, object: Kind | undefined) => void;
}

/**
 * Seconds after which the API server ends a watch; a new list follows, which repairs what was missed. Less than the
 * library's limit of 30 s without a word, after which it takes the connection for lost.
 */
const WATCH_SECONDS = 25;

/** How long after a list its objects are relied on: one watch, and a while to list again. */
const FRESH_MS = 60_000;

const RETRY_MS = { first: 250, most: 10_000 };

/**
 * A copy of a small collection, kept up to date by list and watch.
 *
 * Written on `Watch` alone: the library's informer turns a throwing handler into an unhandled rejection, opens a watch
 * after being stopped during a list, and ends for good when a connection drops.
 */
export class Mirror<Kind extends ApiObject> {
  readonly #options: MirrorOptions<Kind>;
  #objects = new Map<string, Kind>();
  #listedAt = Number.NEGATIVE_INFINITY;
  #stopped = new AbortController();

  constructor(options: MirrorOptions<Kind>) {
    this.#options = options;
  }

  /**
   * Whether what it holds can be relied on. It cannot after a minute without the API server: what is governed may have
   * changed meanwhile.
   */
  get isFresh(): boolean {
    return performance.now() - this.#listedAt < FRESH_MS;
  }

  get(name: string): Kind | undefined {
    return this.#objects.get(name);
  }

  start(): void {
    void this.#run(this.#stopped.signal);
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(stopped: AbortSignal): Promise<void> {
    let wait = RETRY_MS.first;
    while (!stopped.aborted) {
      try {
        const version = await this.#relist();
        wait = RETRY_MS.first;
        await this.#watch(version, stopped);
      } catch (thrown) {
        if (stopped.aborted) return;
        this.#options.onLost(apiFailure(thrown).text);
        await pause(wait, stopped);
        wait = Math.min(wait * 2, RETRY_MS.most);
      }
    }
  }

  async #relist(): Promise<string> {
    const { items, resourceVersion } = await this.#options.list();
    const objects = new Map(
      items.flatMap((item) => (item.metadata?.name === undefined ? [] : [[item.metadata.name, item] as const])),
    );
    const before = this.#objects;
    this.#objects = objects;
    this.#listedAt = performance.now();
    for (const name of before.keys()) if (!objects.has(name)) this.#options.onChange?.(name, undefined);
    for (const [name, object] of objects) {
      if (before.get(name)?.metadata?.resourceVersion !== object.metadata?.resourceVersion)
        this.#options.onChange?.(name, object);
    }
    return resourceVersion;
  }

  /** Follows the collection until the API server ends the watch; rejects when the connection fails. */
  async #watch(resourceVersion: string, stopped: AbortSignal): Promise<void> {
    const { config, path, labelSelector } = this.#options;
    const query = {
      resourceVersion,
      timeoutSeconds: WATCH_SECONDS,
      ...(labelSelector !== undefined && { labelSelector }),
    };
    let fault: unknown;
    const ended = Promise.withResolvers<void>();
    const apply = (phase: string, object: Kind & JsonObject): void => {
      const name = object.metadata?.name;
      if (phase === 'ERROR') {
        // Usually 410: the version is too old, and a new list is the answer.
        const message = typeof object['message'] === 'string' ? object['message'] : 'without a message';
        fault = new Error(`the watch ended: ${message}`);
      } else if (name !== undefined) {
        if (phase === 'DELETED') this.#objects.delete(name);
        else this.#objects.set(name, object);
        this.#options.onChange?.(name, phase === 'DELETED' ? undefined : object);
      }
    };
    const request = await new Watch(config).watch(path, query, apply, (error: unknown) => {
      if (error !== undefined && error !== null && !isEnd(error)) fault ??= error;
      ended.resolve();
    });
    const stop = (): void => {
      request.abort();
      ended.resolve();
    };
    stopped.addEventListener('abort', stop, { once: true });
    // It may have been stopped while the watch was being opened.
    if (stopped.aborted) stop();
    await ended.promise;
    stopped.removeEventListener('abort', stop);
    if (fault !== undefined) throw fault;
  }
}

/** The library reports the regular end of a watch as an aborted request. */
function isEnd(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function pause(milliseconds: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    stopped.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      stopped.removeEventListener('abort', done);
      resolve();
    }
  });
}
