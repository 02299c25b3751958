import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** How the way is at the moment. */
type State =
  | { readonly kind: 'open' }
  /** What is on its way arrives so many milliseconds later. */
  | { readonly kind: 'slow'; readonly milliseconds: number }
  /** Nothing arrives, and nobody is told. What is sent meanwhile arrives when it is open again. */
  | { readonly kind: 'silent' }
  /** Connections break, and new ones at once. */
  | { readonly kind: 'cut' };

/**
 * A way to a server over which bytes go as they are, TLS and all, and which a test can make slow, silent or broken. So a
 * program meets the server's own certificate and its own answers, only not in time.
 */
export class Way {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #state: State = { kind: 'open' };
  #opened = Promise.withResolvers<void>();

  private constructor(server: Server) {
    this.#server = server;
    this.#opened.resolve();
  }

  /** @param target such as `https://127.0.0.1:6443` */
  static async to(target: string): Promise<Way> {
    const { hostname: host, port } = new URL(target);
    const server = createServer();
    const way = new Way(server);
    server.on('connection', (near) => way.#join(near, connect({ host, port: Number(port) })));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return way;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  open(): void {
    this.#state = { kind: 'open' };
    this.#opened.resolve();
  }

  slow(milliseconds: number): void {
    this.#state = { kind: 'slow', milliseconds };
    this.#opened.resolve();
  }

  silence(): void {
    this.#opened.resolve();
    this.#opened = Promise.withResolvers();
    this.#state = { kind: 'silent' };
  }

  cut(): void {
    this.#state = { kind: 'cut' };
    this.#opened.resolve();
    this.#breakAll();
  }

  async close(): Promise<void> {
    this.cut();
    await once(this.#server.close(), 'close');
  }

  #join(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    if (this.#state.kind === 'cut') near.resetAndDestroy();
    for (const [from, to] of [pair, [far, near] as const]) {
      // A broken connection is what tests are about here.
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
      void this.#carry(from, to);
    }
  }

  async #carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const bytes of from as AsyncIterable<Buffer>) {
        const state = this.#state;
        if (state.kind === 'silent') await this.#opened.promise;
        if (state.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, state.milliseconds));
        if (!to.destroyed) to.write(bytes);
      }
      to.end();
    } catch {
      to.destroy();
    }
  }

  #breakAll(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  }
}
