import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Admitted, passOn } from './forward.ts';
import { join } from './join.ts';
import { refuse, upstreamRefusal } from './status.ts';
import type { UpstreamConnections } from './upstream.ts';

/** The protocols that Kubernetes switches to: for exec, attach, port-forward, and what pods themselves serve. */
const PROTOCOLS = new Set(['websocket', 'spdy/3.1']);

/** Whether a request asks for a stream of its own. What asks for another protocol is a plain request. */
export function wantsStream({ headers: { upgrade } }: IncomingMessage): boolean {
  return upgrade !== undefined && PROTOCOLS.has(upgrade.toLowerCase());
}

/** Sends on a request for a stream; when the API server agrees, its bytes are passed both ways and not looked at. */
export async function forwardUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { headers, warning }: Admitted,
  upstream: UpstreamConnections,
  server: string,
): Promise<void> {
  const { method = 'GET', url: path = '/', headers: asked } = request;
  const token = await upstream.token();
  const switching = ['Connection', 'Upgrade', 'Upgrade', asked.upgrade ?? ''];
  const call = upstream.sendUpgrade({ method, path, headers: [...headers, ...switching] }, token);
  socket.once('close', () => call.destroy());
  call.on('upgrade', (answer, other, otherHead) => {
    socket.write(switched(answer), 'latin1');
    if (otherHead.length > 0) socket.write(otherHead);
    if (head.length > 0) other.write(head);
    join(socket, other);
  });
  call.on('response', (answer) => {
    call.removeAllListeners('error').on('error', () => socket.destroy());
    passOn(answer, plainAnswer(request, socket), warning);
  });
  call.on('error', (error) => {
    if (!socket.destroyed) refuse(plainAnswer(request, socket), upstreamRefusal(error, server));
  });
  call.end();
}

/** For an answer that is no stream, on a connection that ends with it. */
export function plainAnswer(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once('finish', () => socket.end());
  return response;
}

/** The answer that switches, as it came: the handshake of a WebSocket is between client and API server. */
function switched({ statusMessage = '', rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 101 ${statusMessage}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
