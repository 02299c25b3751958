import { once } from 'node:events';
import { Agent, createServer, request, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Countersign } from '../../admission/support/countersign.ts';
import { type WebhookOptions, WebhookProcess } from '../../admission/support/webhook-process.ts';

/**
 * Several processes of the webhook behind one address, as replicas are behind a Service. Reviews go to them in turn, so
 * that what one signs is at once met by the others.
 */
export class Replicas {
  readonly all: readonly WebhookProcess[];
  readonly #countersign: Countersign;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  #asked: readonly WebhookProcess[];
  #turn = 0;

  private constructor(countersign: Countersign, all: readonly WebhookProcess[], server: Server) {
    this.#countersign = countersign;
    this.all = all;
    this.#asked = all;
    this.#server = server;
    server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => void this.#hand(incoming, outgoing));
  }

  /**
   * Starts what is given beside the process that runs already, which shares its path secret and keys with them, and has
   * the API server ask them all.
   */
  static async beside(countersign: Countersign, others: readonly WebhookOptions[]): Promise<Replicas> {
    const { cluster, process: first } = countersign;
    const { secret, keys } = first;
    const started: WebhookProcess[] = [];
    for (const options of others) {
      const replica = await WebhookProcess.create(cluster, { secret, keys, ...options });
      await replica.start();
      started.push(replica);
    }
    const server = createServer(await cluster.serverCertificate());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const replicas = new Replicas(countersign, [first, ...started], server);
    await countersign.register((server.address() as AddressInfo).port);
    return replicas;
  }

  /** From now on only these are asked; all of them, when none is given. */
  ask(...replicas: readonly WebhookProcess[]): void {
    this.#asked = replicas.length > 0 ? replicas : this.all;
  }

  /** The sum of a counter over all replicas. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const values = await Promise.all(this.all.map((each) => each.metric(name, labels)));
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** Ends those that were started here. */
  async stop(): Promise<void> {
    for (const each of this.all) if (each !== this.#countersign.process) await each.stop();
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await once(this.#server.close(), 'close');
  }

  async #hand(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    this.#turn += 1;
    const replica = this.#asked[this.#turn % this.#asked.length];
    const { method, url: path, headers } = incoming;
    const ca = this.#countersign.cluster.ca;
    const call = request({ host: '127.0.0.1', port: replica?.port, ca, agent: this.#agent, method, path, headers });
    try {
      const answered = once(call, 'response') as Promise<[IncomingMessage]>;
      const [, [response]] = await Promise.all([pipeline(incoming, call), answered]);
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      await pipeline(response, outgoing);
    } catch {
      // A replica that is away looks like that behind a Service too.
      outgoing.destroy();
    }
  }
}
