import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import {
  ApiException,
  type Configuration,
  createConfiguration,
  KubeConfig,
  type RequestContext,
  ServerConfiguration,
} from '@kubernetes/client-node';
import { Fault, reasonOf } from '../errors.ts';

/**
 * How Countersign reaches the API server. Commands import this by `await import()`: the client library takes half a
 * second to load, and most commands do without.
 */

/** Long enough for a busy API server, short enough that nothing waits for one that is gone. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;

/**
 * Loads the kube config from a file, or without one what Kubernetes gives a pod.
 *
 * A developer's `~/.kube/config` is never taken by itself: its current context may be any cluster, and Countersign's
 * commands write to what they are given.
 *
 * @throws Fault `FileInvalid` when the file cannot be used, `UsageInvalid` when there is none and this is no pod.
 */
export function loadKubeConfig(path?: string): KubeConfig {
  const config = new KubeConfig();
  if (path === undefined) {
    if (!process.env['KUBERNETES_SERVICE_HOST'] || !process.env['KUBERNETES_SERVICE_PORT']) {
      throw new Fault(
        'UsageInvalid',
        'not in a pod, so it is not known which cluster is meant. Next: give --kubeconfig FILE',
      );
    }
    config.loadFromCluster();
    return config;
  }
  try {
    // Read first: the library's own message for a missing file does not say what the file is for.
    readFileSync(path);
    config.loadFromFile(path);
    if (config.getCurrentCluster() === null) throw new Error('it has no current context with a cluster');
  } catch (error) {
    throw new Fault('FileInvalid', `kubeconfig ${path} cannot be used: ${reasonOf(error)}`, { cause: error });
  }
  return config;
}

/**
 * How others reach the API server that a kube config leads to.
 *
 * @throws Fault `FileInvalid` when its certificates cannot be read, or there are none: a session trusts nobody else's
 */
export function apiServerOf(config: KubeConfig): { readonly server: string; readonly ca: string } {
  const cluster = config.getCurrentCluster();
  try {
    const { caData, caFile, server } = cluster ?? { server: '' };
    const ca = caData === undefined ? readFileSync(caFile ?? '', 'utf8') : Buffer.from(caData, 'base64').toString();
    void new X509Certificate(ca).fingerprint256;
    return { server: new URL(server).origin, ca: ca.trim() };
  } catch (error) {
    const reason = `the kube config does not say how sessions can trust the API server: ${reasonOf(error)}`;
    throw new Fault('FileInvalid', `${reason}. Next: give the cluster a certificate-authority`, { cause: error });
  }
}

/**
 * Makes a typed API client, such as `makeClient(config, CoreV1Api)`, whose requests end after `requestTimeoutMs`, the
 * body included. Watches do not go through these clients and are not cut off.
 */
export function makeClient<T>(
  config: KubeConfig,
  Api: new (configuration: Configuration) => T,
  requestTimeoutMs: number = DEFAULT_REQUEST_TIMEOUT_MS,
): T {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Fault('UsageInvalid', 'the kube config has no current context with a cluster');
  return new Api(
    createConfiguration({
      baseServer: new ServerConfiguration(cluster.server, {}),
      authMethods: { default: reuseConnections(config) },
      promiseMiddleware: [
        {
          pre: async (request) => {
            request.setSignal(AbortSignal.timeout(requestTimeoutMs));
            return request;
          },
          post: async (response) => response,
        },
      ],
    }),
  );
}

const CONNECTIONS_KEPT_MS = 60_000;

/**
 * The library makes a new connection pool, and so a new TLS connection, for every request. This keeps one for as long
 * as the library keeps a token, so that a renewed CA or client certificate is still taken up.
 */
function reuseConnections(config: KubeConfig) {
  let kept: { readonly dispatcher: ReturnType<RequestContext['getDispatcher']>; readonly until: number } | undefined;
  return {
    getName: () => config.getName(),
    applySecurityAuthentication: async (request: RequestContext): Promise<void> => {
      await config.applySecurityAuthentication(request);
      if (kept === undefined || performance.now() > kept.until) {
        kept = { dispatcher: request.getDispatcher(), until: performance.now() + CONNECTIONS_KEPT_MS };
      }
      if (kept.dispatcher !== undefined) request.setDispatcher(kept.dispatcher);
    },
  };
}

/** Why a request to the API server failed: the HTTP status where there was an answer, and a short text for people. */
export interface ApiFailure {
  readonly status: number | undefined;
  readonly text: string;
}

/**
 * Reads what a client threw. The library's own message holds the whole body and all headers; this takes the API
 * server's message alone.
 */
export function apiFailure(thrown: unknown): ApiFailure {
  if (thrown instanceof ApiException) {
    // The library drops the body of a 401; HTTP's own words say enough then.
    const message = statusMessage(thrown.body) || STATUS_CODES[thrown.code];
    return { status: thrown.code, text: `${thrown.code} ${message ?? ''}`.trimEnd() };
  }
  if (thrown instanceof DOMException && thrown.name === 'TimeoutError') {
    return { status: undefined, text: 'the API server did not answer in time' };
  }
  // fetch says "fetch failed" and puts what happened (refused, unknown authority, …) into the cause.
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return {
    status: undefined,
    text: cause === undefined ? reasonOf(thrown) : `${reasonOf(thrown)}: ${reasonOf(cause)}`,
  };
}

function statusMessage(body: unknown): string {
  let status = body;
  if (typeof status === 'string') {
    try {
      status = JSON.parse(status);
    } catch {
      // A proxy or load balancer answered: its page says nothing that helps.
      return '';
    }
  }
  const message = typeof status === 'object' && status !== null && 'message' in status ? status.message : undefined;
  return typeof message === 'string' ? message : '';
}
