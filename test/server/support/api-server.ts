import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { createAuthority, issueServing } from '../../../src/tls/authority.ts';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTPS server that stands where the API server does, and answers as a test wants. */
export class FakeApiServer {
  /** What was asked, such as `GET /api/v1/…`, in order. */
  readonly asked: string[] = [];
  connections = 0;
  answer: Answer = () => {};
  readonly #server: Server;
  readonly #authority: string;

  private constructor(server: Server, authority: string) {
    this.#server = server;
    this.#authority = authority;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.asked.push(`${request.method} ${request.url}`);
      this.answer(request, response);
    });
    server.on('secureConnection', () => {
      this.connections += 1;
    });
  }

  static async start(): Promise<FakeApiServer> {
    const now = new Date();
    const authority = await createAuthority({ commonName: 'test', days: 1, now });
    const { certificate, key } = await issueServing({
      authority,
      dnsNames: [],
      ipAddresses: ['127.0.0.1'],
      days: 1,
      now,
    });
    const server = createServer({ cert: certificate, key });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new FakeApiServer(server, authority.certificate);
  }

  /** How a client reaches it. */
  config(token = 'test'): KubeConfig {
    const { port } = this.#server.address() as AddressInfo;
    const config = new KubeConfig();
    const caData = Buffer.from(this.#authority).toString('base64');
    config.loadFromClusterAndUser(
      { name: 'test', server: `https://127.0.0.1:${port}`, caData, skipTLSVerify: false },
      { name: 'test', token },
    );
    return config;
  }

  /** Forgets what was asked. */
  reset(): void {
    this.asked.length = 0;
    this.connections = 0;
    this.answer = () => {};
  }

  closeConnections(): void {
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** What the API server says of an object that it does not have. */
export function notFound(response: ServerResponse, name: string): void {
  const message = `deployments.apps "${name}" not found`;
  json(response, 404, { kind: 'Status', reason: 'NotFound', message, details: { name, kind: 'deployments' } });
}
