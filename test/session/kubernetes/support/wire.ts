import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

/** How a proxy is reached. */
export interface Way {
  readonly port: number;
  readonly secrets: { readonly ca: string; readonly token: string };
}

/** A connection on which a test sends whatever bytes it likes. */
export class Wire {
  readonly socket: TLSSocket;
  #text = '';
  readonly #waiting = new Set<() => void>();

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    const wake = () => {
      for (const check of this.#waiting) check();
    };
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text;
      wake();
    });
    // An attacked server may end a connection as it likes; what it said first is what counts.
    socket.on('error', () => {});
    socket.on('end', wake).on('close', wake);
  }

  static async open({ port, secrets }: Way): Promise<Wire> {
    // Not in the types, but in the documentation of tls.connect, by way of net.Socket.
    const halfOpen = { allowHalfOpen: true };
    const socket = connect({ host: '127.0.0.1', port, ca: secrets.ca, ...halfOpen });
    await once(socket, 'secureConnect');
    return new Wire(socket);
  }

  /** All that came so far. */
  get received(): string {
    return this.#text;
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits for a text; also the end counts when it comes first. */
  async until(text: string): Promise<string> {
    await this.#when(() => this.#text.includes(text) || this.#over);
    return this.#text;
  }

  /** Waits for the other side's end, and gives all that it sent. */
  async untilEnd(): Promise<string> {
    await this.#when(() => this.#over);
    return this.#text;
  }

  get #over(): boolean {
    return this.socket.readableEnded || this.socket.destroyed;
  }

  async #when(met: () => boolean): Promise<void> {
    if (met()) return;
    await new Promise<void>((resolve) => {
      const check = () => {
        if (!met()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
    });
  }
}

/** A request's head: the lines given, with the right Host and token unless the lines have their own. */
export function head({ port, secrets }: Way, first: string, lines: readonly string[] = []): string {
  const has = (name: string) => lines.some((line) => line.toLowerCase().startsWith(`${name}:`));
  const needed = [
    ...(has('host') ? [] : [`Host: 127.0.0.1:${port}`]),
    ...(has('authorization') ? [] : [`Authorization: Bearer ${secrets.token}`]),
  ];
  return [first, ...needed, ...lines, '', ''].join('\r\n');
}

/** Sends one request and gives the whole answer; the proxy is asked to end the connection after it. */
export async function exchange(proxy: Way, first: string, lines: readonly string[] = [], body = ''): Promise<string> {
  const wire = await Wire.open(proxy);
  const closing = lines.some((line) => /^connection:/i.test(line)) ? [] : ['Connection: close'];
  const answer = await wire.send(head(proxy, first, [...lines, ...closing]) + body).untilEnd();
  wire.socket.destroy();
  return answer;
}
