import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, type AgentOptions, request } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';

/** The API server, and how the proxy proves itself to it. */
export interface Upstream {
  /** A path before those of the API is kept, as management servers have it. */
  readonly server: URL;
  /** PEM; undefined takes what the system trusts. */
  readonly ca: string | undefined;
  /** A bearer token, asked for with each request; undefined where a certificate does it. */
  readonly token?: () => string | Promise<string>;
  /** PEM. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
  /** Finds the server's address; undefined for the system's way. */
  readonly lookup?: LookupFunction;
}

/** One request as it leaves; headers are name and value in turn, without those of {@link Upstream}. */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
}

/** Longest time until a connection is there and its server proven. */
const CONNECT_MS = 5_000;
/** The API server closes idle connections after 90 s (Go's net/http); one that it closes just now loses a request. */
const IDLE_MS = 60_000;
/** Connections kept for the next request. */
const MOST_IDLE = 32;

/** Connections to the API server, kept open between requests. */
export class UpstreamConnections {
  readonly #upstream: Upstream;
  readonly #target: { readonly host: string; readonly port: string };
  readonly #prefix: string;
  readonly #kept: Agent;
  readonly #own: Agent;

  constructor(upstream: Upstream) {
    const { server } = upstream;
    this.#upstream = upstream;
    // A URL writes an IPv6 address in brackets, a socket takes it without.
    this.#target = {
      host: server.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: server.port === '' ? '443' : server.port,
    };
    this.#prefix = server.pathname.replace(/\/+$/, '');
    const tls = tlsOf(upstream);
    this.#kept = new BoundedAgent({ ...tls, keepAlive: true, maxFreeSockets: MOST_IDLE, timeout: IDLE_MS });
    this.#own = new BoundedAgent({ ...tls, keepAlive: false }, true);
  }

  /** Begins a request whose answer is a message. */
  send(outgoing: Outgoing, token: string | undefined): ClientRequest {
    return this.#request(outgoing, token, this.#kept);
  }

  /** Begins a request whose answer may be a stream of its own: over a connection that nobody shares or gets again. */
  sendUpgrade(outgoing: Outgoing, token: string | undefined): ClientRequest {
    return this.#request(outgoing, token, this.#own);
  }

  /** The token for the next request. */
  token(): string | undefined | Promise<string> {
    return this.#upstream.token?.();
  }

  /** Ends every connection at once. */
  end(): void {
    this.#kept.destroy();
    this.#own.destroy();
  }

  /** @throws Error `COUNTERSIGN_PATH_LEAVES` */
  #request({ method, path, headers }: Outgoing, token: string | undefined, agent: Agent): ClientRequest {
    // A management server has other APIs beside this one, which know the token and no impersonation.
    if (this.#prefix !== '' && UPWARDS.test(path.split('?', 1)[0] ?? '')) {
      throw Object.assign(new Error(`a path leads out of ${this.#prefix}`), { code: 'COUNTERSIGN_PATH_LEAVES' });
    }
    const proof = token === undefined ? [] : ['Authorization', `Bearer ${token}`];
    return request({
      ...this.#target,
      agent,
      method,
      path: `${this.#prefix}${path}`,
      // A flat list goes out as it is: nothing is looked up, merged or spelled anew.
      headers: ['Host', this.#upstream.server.host, ...proof, ...headers],
      insecureHTTPParser: false,
    });
  }
}

/** A step upwards, however it is written and whatever a server may take for the end of it. */
const UPWARDS = /(?:[/\\]|%2f|%5c)(?:\.|%2e){2}(?:[/\\;#]|%2f|%5c|%3b|$)/i;

/** Whether a request met a connection that the other side was just closing: nothing of it has been read. */
export function metAClosingConnection(call: ClientRequest, thrown: Error): boolean {
  return call.reusedSocket && 'code' in thrown && (thrown.code === 'ECONNRESET' || thrown.code === 'EPIPE');
}

/** The headers of an answer, name and value in turn, without those that belong to one connection. */
export function answerHeaders({ rawHeaders }: IncomingMessage): string[] {
  const headers: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!OF_ONE_CONNECTION.has(name.toLowerCase())) headers.push(name, rawHeaders[at + 1] ?? '');
  }
  return headers;
}

const OF_ONE_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** One context for all connections: read once, and not a part of the name under which the agent looks for each. */
function tlsOf({ ca, clientCertificate, lookup }: Upstream) {
  const secureContext = createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate.certificate, key: clientCertificate.key }),
    minVersion: 'TLSv1.2',
  });
  // Said here, because a variable in the environment could say otherwise.
  return { secureContext, rejectUnauthorized: true, noDelay: true, ...(lookup && { lookup }) };
}

/** Gives up connecting after a while. */
class BoundedAgent extends Agent {
  readonly #halfOpen: boolean;

  /** @param halfOpen whether the end of what comes in leaves what goes out open */
  constructor(options: AgentOptions, halfOpen = false) {
    super(options);
    this.#halfOpen = halfOpen;
  }

  override createConnection(...[options, done]: Parameters<Agent['createConnection']>): Duplex | null | undefined {
    const half = { allowHalfOpen: this.#halfOpen };
    const socket = super.createConnection({ ...options, ...half }, done) as Socket;
    const timer = setTimeout(() => {
      const late = new Error(`no connection within ${CONNECT_MS / 1_000} s`);
      socket.destroy(Object.assign(late, { code: 'COUNTERSIGN_NOT_CONNECTED' }));
    }, CONNECT_MS);
    const settled = () => clearTimeout(timer);
    socket.once('secureConnect', settled).once('close', settled);
    // A connection whose other side has vanished must not stay for ever.
    socket.setKeepAlive(true, 30_000);
    return socket;
  }
}
