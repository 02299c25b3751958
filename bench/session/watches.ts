import { Agent as HttpAgent, type ClientRequest, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { type Cluster, SMALL } from './cluster.ts';
import type { Way } from './ways.ts';

const WATCHES = 100;
const CHANGES = 100;
const AT_ONCE = 4;
const PATIENCE_MS = 60_000;

/** Open watches on the small object's namespace. */
export interface Watches {
  /** Resolves when so many events have come, all watches together, since it was called. */
  next(events: number): Promise<void>;
  end(): void;
}

/** Events a second that all watches together get, from the first change until the last of them has come. */
export async function eventsThrough(cluster: Cluster, way: Way): Promise<{ readonly perSecond: number }> {
  const watches = await openWatches(cluster, way, WATCHES);
  try {
    const all = watches.next(WATCHES * CHANGES);
    const began = performance.now();
    await Promise.all([all, changeSmall(cluster, CHANGES)]);
    return { perSecond: (WATCHES * CHANGES * 1000) / (performance.now() - began) };
  } finally {
    watches.end();
  }
}

/** Changes the object past all proxies, a few changes at once. */
export async function changeSmall({ admin, namespace }: Cluster, changes: number): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/${SMALL}`;
  let left = changes;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const body = { metadata: { annotations: { change: `${performance.now()} ${left}` } } };
      const { status, body: answer } = await admin.call('PATCH', path, { body });
      if (status !== 200) throw new Error(answer.message);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Opens watches from now on, each over a connection of its own, as HTTP/1.1 has it. */
export async function openWatches(
  { admin, namespace }: Cluster,
  way: Pick<Way, 'url' | 'headers'>,
  amount: number,
): Promise<Watches> {
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const { body } = await admin.call<{ metadata: { resourceVersion: string } }>('GET', collection);
  const version = body.metadata.resourceVersion;
  const url = new URL(`${collection}?watch=1&resourceVersion=${version}`, way.url);
  const agent = url.protocol === 'https:' ? new HttpsAgent({ rejectUnauthorized: false }) : new HttpAgent();
  const state = { came: 0, wanted: Number.POSITIVE_INFINITY, reached: (): void => {} };
  const came = (events: number): void => {
    state.came += events;
    if (state.came >= state.wanted) state.reached();
  };
  const requests = Array.from({ length: amount }, () => watch(url, way.headers, agent, came));
  const end = (): void => {
    for (const { request } of requests) request.destroy();
    agent.destroy();
  };
  try {
    await Promise.all(requests.map(({ opened }) => opened));
  } catch (error) {
    end();
    throw error;
  }
  return {
    next: (events) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(() => reject(new Error(`${state.came} of ${events} events came`)), PATIENCE_MS);
      state.came = 0;
      state.wanted = events;
      state.reached = () => {
        clearTimeout(timer);
        resolve();
      };
      return promise;
    },
    end,
  };
}

const LINE_END = 0x0a;

function watch(
  url: URL,
  headers: Readonly<Record<string, string>>,
  agent: HttpAgent | HttpsAgent,
  came: (events: number) => void,
): { readonly request: ClientRequest; readonly opened: Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const begin = url.protocol === 'https:' ? requestHttps : requestHttp;
  const request = begin(url, { agent, headers: { ...headers } }, (response) => {
    if (response.statusCode !== 200) reject(new Error(`a watch was answered with ${response.statusCode}`));
    response.on('data', (chunk: Buffer) => {
      let events = 0;
      for (let at = chunk.indexOf(LINE_END); at >= 0; at = chunk.indexOf(LINE_END, at + 1)) events += 1;
      if (events > 0) came(events);
    });
    // Ended by us.
    response.on('error', () => {});
    resolve();
  });
  request.on('error', reject);
  request.end();
  return { request, opened: promise };
}
