import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createAuthority, issueServing, type PemPair } from '../../../../src/tls/authority.ts';

/** A request as it arrived behind the proxy. */
export interface Arrived {
  readonly method: string;
  readonly url: string;
  /** Name and value in turn. */
  readonly rawHeaders: readonly string[];
  /** The connection it came on: the same number, the same connection. */
  readonly connection: number;
}

/** A server in the API server's place, which notes what arrives and answers as a test says. */
export class Api {
  readonly arrived: Arrived[] = [];
  readonly ca: string;
  readonly #server: Server;
  readonly #connections = new WeakMap<object, number>();
  #connectionCount = 0;
  readonly #sockets = new Set<Socket>();
  /** How requests are answered; at first with an empty object. */
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => {
    response.setHeader('content-type', 'application/json').end('{}');
  };
  /** How a stream is agreed to. */
  switch: (request: IncomingMessage, socket: Duplex, head: Buffer) => void = (_, socket) => socket.destroy();

  private constructor(ca: string, { certificate, key }: PemPair) {
    this.ca = ca;
    this.#server = createServer({ cert: certificate, key, allowHalfOpen: true });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('secureConnection', (socket) => {
      this.#connectionCount += 1;
      this.#connections.set(socket, this.#connectionCount);
    });
    const onRequest = (request: IncomingMessage, response: ServerResponse) => {
      this.#note(request);
      this.answer(request, response);
    };
    this.#server.on('request', onRequest).on('checkContinue', onRequest);
    this.#server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
      this.#note(request);
      this.switch(request, socket, head);
    });
  }

  static async start(hosts: readonly string[] = ['127.0.0.1']): Promise<Api> {
    const now = new Date();
    const authority = await createAuthority({ commonName: 'test', days: 1, now });
    const api = new Api(
      authority.certificate,
      await issueServing({ authority, dnsNames: [], ipAddresses: hosts, days: 1, now }),
    );
    await api.listen(0);
    return api;
  }

  get url(): URL {
    return new URL(`https://127.0.0.1:${this.port}`);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Ends every connection, as a server that goes away does. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #note({ method = '', url = '', rawHeaders, socket }: IncomingMessage): void {
    this.arrived.push({ method, url, rawHeaders, connection: this.#connections.get(socket) ?? 0 });
  }
}

/** The values of one header, whatever its case. */
export function valuesOf({ rawHeaders }: { readonly rawHeaders: readonly string[] }, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}
