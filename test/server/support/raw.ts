import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Endpoint } from './client.ts';

/** A connection on which a test writes bytes as it likes. */
export interface RawConnection<Kind extends Socket = TLSSocket> extends Disposable {
  readonly socket: Kind;
  /** Settles when the connection is closed, whoever did it and however, with everything that came over it. */
  readonly closed: Promise<string>;
  /** Settles once what came over it so far fits. */
  received(pattern: RegExp): Promise<string>;
}

/** Connects, and finishes the TLS handshake. */
export async function rawTls(endpoint: Endpoint, options: ConnectionOptions = {}): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port: endpoint.port, ca: endpoint.ca, ...options });
  const connection = raw(socket);
  await once(socket, 'secureConnect');
  return connection;
}

/** Connects without TLS. */
export async function rawTcp(port: number): Promise<RawConnection<Socket>> {
  const socket = connectTcp({ host: '127.0.0.1', port });
  const connection = raw(socket);
  await once(socket, 'connect');
  return connection;
}

/** The head of a request, ready to be followed by a body. */
export function head(path: string, headers: Readonly<Record<string, string | number>>, method = 'POST'): string {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

function raw<Kind extends Socket>(socket: Kind): RawConnection<Kind> {
  let content = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    content += chunk;
    socket.emit('content');
  });
  // A reset is one way of closing.
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      resolve(content);
      socket.emit('content');
    });
  });
  return {
    socket,
    closed,
    async received(pattern) {
      while (!pattern.test(content)) {
        if (socket.destroyed) throw new Error(`closed after ${JSON.stringify(content)}, before ${pattern}`);
        await once(socket, 'content');
      }
      return content;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
