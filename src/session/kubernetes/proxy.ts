import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Duplex, setDefaultHighWaterMark } from 'node:stream';
import { Fault, reasonOf } from '../../errors.ts';
import type { Log } from '../log.ts';
import type { ProxySecrets } from './ca.ts';
import { Doorkeeper } from './door.ts';
import { forward } from './forward.ts';
import type { ActingAs } from './headers.ts';
import { type Refusal, refuse, upstreamRefusal } from './status.ts';
import { Tally } from './tally.ts';
import { forwardUpgrade, plainAnswer, wantsStream } from './upgrade.ts';
import { type Upstream, UpstreamConnections } from './upstream.ts';

export interface ProxyOptions {
  readonly actingAs: ActingAs;
  readonly upstream: Upstream;
  /** On 127.0.0.1; 0 lets the system choose. */
  readonly port: number;
  readonly secrets: ProxySecrets;
  readonly log: Log;
}

/** A running proxy. */
export interface KubernetesProxy {
  readonly port: number;
  /** Identity headers of callers that were dropped, by kind. */
  dropped(): Readonly<Record<string, number>>;
  /** Ends at once, with every connection. */
  stop(): Promise<void>;
}

/** Connections, and requests under way: pipelined ones need no connection each. */
const MOST_AT_ONCE = 128;
/**
 * Bytes that wait at each step of the way before the sender is held back: a quarter of Node's own figure. With 128
 * callers that ask for much and read nothing the process holds 85 MB; with Node's figure 120 MB, near the container's
 * limit.
 */
const MOST_WAITING = 16_384;

/**
 * Opens the way to the Kubernetes API on loopback, over TLS. Whoever has the local token acts through it as the
 * operator, and as nobody else: the headers that say who is calling are made here.
 *
 * @throws Fault `KubernetesAccessFailed` when the port cannot be opened
 */
export async function startKubernetesProxy(options: ProxyOptions): Promise<KubernetesProxy> {
  const { secrets, port, log } = options;
  // For the whole process, as a TLS server takes no figure of its own. Nothing else in it passes on what others send.
  setDefaultHighWaterMark(false, MOST_WAITING);
  const server = createServer({ key: secrets.key, cert: secrets.certificate, ...LIMITS });
  server.maxConnections = MOST_AT_ONCE;
  // Headers are bounded by their bytes. A bound on their number would cut off the last ones, and with them the framing.
  server.maxHeadersCount = 0;
  const sockets = new Set<Socket>();
  // The connection below TLS: ended, it ends handshakes, requests and streams alike.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listening = await listen(server, port);
  const upstream = new UpstreamConnections(options.upstream);
  const tally = new Tally('identity headers of callers were dropped: this session acts as its operator alone', log);
  const door = new Doorkeeper(secrets.token, options.actingAs, listening, tally);
  serve(server, door, upstream, options.upstream.server.origin);
  return {
    port: listening,
    dropped: () => tally.counts(),
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      upstream.end();
      tally.end();
      await closed;
    },
  };
}

const LIMITS = {
  minVersion: 'TLSv1.2',
  insecureHTTPParser: false,
  maxHeaderSize: 16_384,
  allowHalfOpen: true,
  // A caller that vanished in the middle of a stream is found out, although nobody has anything to say to it.
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
  optimizeEmptyRequests: true,
  shouldUpgradeCallback: wantsStream,
  // Who connects and says nothing, or a byte now and then, does not hold a place for long.
  handshakeTimeout: 10_000,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 2_500,
  // As long as Go's clients keep theirs, and a little longer, so that it is the client that closes.
  keepAliveTimeout: 95_000,
} as const;

function serve(server: Server, door: Doorkeeper, upstream: UpstreamConnections, api: string): void {
  let underWay = 0;
  const unanswered = new WeakMap<Duplex, number>();
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    unanswered.set(socket, (unanswered.get(socket) ?? 0) + 1);
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 0) - 1));
    const admitted = underWay < MOST_AT_ONCE ? door.admit(request) : BUSY;
    if ('code' in admitted) return refuse(response, admitted);
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
    });
    forward(request, response, admitted, upstream, api).catch((error: unknown) =>
      refuse(response, { ...upstreamRefusal(error, api), close: admitted.hasBody }),
    );
  };
  server.on('request', onRequest);
  // Otherwise Node would promise the caller that its body is wanted before the API server has said so.
  server.on('checkContinue', onRequest);
  server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    // Pipelined behind a request that has no answer yet: two answers would share the connection, and to write the second
    // throws, so that some bytes from anybody would end this process. No client of Kubernetes does that.
    if ((unanswered.get(socket) ?? 0) > 0) return socket.destroy();
    const admitted = door.admitStream(request);
    if ('code' in admitted) return refuse(plainAnswer(request, socket), admitted);
    forwardUpgrade(request, socket, head, admitted, upstream, api).catch((error: unknown) =>
      refuse(plainAnswer(request, socket), upstreamRefusal(error, api)),
    );
  });
}

const BUSY: Refusal = {
  code: 429,
  reason: 'TooManyRequests',
  message: `${MOST_AT_ONCE} requests of this pod are under way. Next: end watches that nobody reads`,
  retryAfterSeconds: 1,
  close: true,
};

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    // Left on: a connection that cannot be accepted is no reason to end.
    server.on('error', (error) =>
      reject(
        new Fault(
          'KubernetesAccessFailed',
          `port ${port} on 127.0.0.1 cannot be opened: ${reasonOf(error)}. Next: let nothing else listen there`,
          { cause: error },
        ),
      ),
    );
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
