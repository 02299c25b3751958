import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { ApiException, type KubeConfig } from '@kubernetes/client-node';
import { Fault } from '../errors.ts';

export interface RawRequest {
  readonly method: 'GET' | 'POST';
  /** From the root of the API, such as `/api/v1/namespaces/kube-system`; what is variable in it is escaped. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: object;
  /** Ends the request, the body of its answer included. */
  readonly signal: AbortSignal;
}

/** Larger than what etcd stores, in JSON. */
const MAX_ANSWER = 8 * 1024 * 1024;

/** As long as the client library keeps a token that it read from a file. */
const CREDENTIALS_KEPT_MS = 60_000;

/** A connection that was not used for longer may have been forgotten by a load balancer on the way. */
const IDLE_MS = 30_000;

/**
 * Requests to the API server whose answers are parsed and no more: through its types, the client library drops the
 * fields that it does not know, and digests are over all of them. All go over one pool of connections.
 */
export class RawApi {
  readonly #config: KubeConfig;
  readonly #server: string;
  #kept: { readonly options: RequestOptions; readonly until: number } | undefined;
  #closed = false;
  #pool: { readonly agent: Agent; readonly material: string } | undefined;

  /** @throws Fault `UsageInvalid` when the kube config has no current cluster, or one without TLS */
  constructor(config: KubeConfig) {
    const server = config.getCurrentCluster()?.server;
    if (server?.startsWith('https:') !== true) {
      throw new Fault('UsageInvalid', 'the kube config has no current context with a cluster reached over HTTPS');
    }
    this.#config = config;
    this.#server = server.replace(/\/+$/, '');
  }

  /**
   * The answer, parsed.
   *
   * @throws what `apiFailure` reads: `ApiException` for any status but 2xx, the signal's reason, errors of the
   * connection, `SyntaxError` for what is no JSON
   */
  async json(asked: RawRequest): Promise<unknown> {
    const options = await this.#options();
    const { status, text } = await this.#send(`${this.#server}${asked.path}`, options, asked);
    if (status >= 200 && status < 300) return JSON.parse(text);
    // A token may be replaced before its time: the next request reads it again.
    if (status === 401) this.#kept = undefined;
    throw new ApiException(status, '', text, {});
  }

  /** Closes all connections, also those in use. */
  close(): void {
    this.#closed = true;
    this.#pool?.agent.destroy();
  }

  async #send(url: string, options: RequestOptions, asked: RawRequest): Promise<Answer> {
    try {
      return await sendOnce(url, options, asked);
    } catch (thrown) {
      // The API server may close an idle connection at the moment in which it is used again.
      if (!(thrown instanceof StaleConnection) || this.#closed) throw thrown;
      return await sendOnce(url, options, asked);
    }
  }

  /** How to reach the API server, and as whom. Files are read again now and then, as tokens and authorities change. */
  async #options(): Promise<RequestOptions> {
    if (this.#kept !== undefined && performance.now() < this.#kept.until) return this.#kept.options;
    const given: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(given as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
    const { agent, ...rest } = given;
    // The library's own agent opens a connection for each request, but knows the way through a proxy.
    const proxied = this.#config.getCurrentCluster()?.proxyUrl !== undefined;
    const options = { ...rest, agent: proxied ? agent : this.#poolFor(rest) };
    this.#kept = { options, until: performance.now() + CREDENTIALS_KEPT_MS };
    return options;
  }

  /** The same connections, as long as they would be made in the same way. */
  #poolFor(options: RequestOptions): Agent {
    const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = options;
    const material = JSON.stringify([ca, cert, key, pfx, passphrase, servername, rejectUnauthorized]);
    if (this.#pool?.material === material) return this.#pool.agent;
    // The pool before ends with its last request and, when idle, in time.
    this.#pool = { agent: new Agent({ keepAlive: true, timeout: IDLE_MS }), material };
    return this.#pool.agent;
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

class StaleConnection extends Error {}

function sendOnce(url: string, options: RequestOptions, { method, body, signal }: RawRequest): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  const content = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(options.headers as OutgoingHttpHeaders | undefined),
    accept: 'application/json',
    ...(content !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
  };
  const call = request(url, { ...options, method, headers });
  const abort = () => call.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  call.on('close', () => signal.removeEventListener('abort', abort));
  call.on('error', (error: NodeJS.ErrnoException) => {
    const stale = call.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    reject(stale ? new StaleConnection(error.message, { cause: error }) : error);
  });
  call.on('response', (response) => {
    collect(response).then(
      (text) => resolve({ status: response.statusCode ?? 0, text }),
      (error: unknown) => {
        call.destroy();
        reject(signal.aborted ? (signal.reason as Error) : (error as Error));
      },
    );
  });
  call.end(content);
  return promise;
}

async function collect(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`the answer has more than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
