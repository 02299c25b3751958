import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuse, upstreamRefusal } from './status.ts';
import { answerHeaders, metAClosingConnection, type UpstreamConnections } from './upstream.ts';

/** A request that was let in. */
export interface Admitted {
  /** For the API server, without the token. */
  readonly headers: readonly string[];
  readonly hasBody: boolean;
  /** For the caller: what was dropped of its request. */
  readonly warning: string | undefined;
}

/** Sends a request on and its answer back, both as they come. */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { headers, hasBody, warning }: Admitted,
  upstream: UpstreamConnections,
  server: string,
): Promise<void> {
  const { method = 'GET', url: path = '/' } = request;
  const token = await upstream.token();
  const attempt = (again: boolean) => {
    const call = upstream.send({ method, path, headers }, token);
    call.on('response', (answer) => {
      call.removeAllListeners('error').on('error', () => response.destroy());
      passOn(answer, response, warning);
    });
    // The caller holds its body back until it is told to send it.
    call.on('continue', () => response.writeContinue());
    call.on('error', (error) => {
      if (response.destroyed) return;
      const idempotent = !hasBody && (method === 'GET' || method === 'HEAD');
      if (again && idempotent && metAClosingConnection(call, error)) attempt(false);
      else refuse(response, { ...upstreamRefusal(error, server), close: hasBody });
    });
    // Nobody asked for it. Left alone, it would end the connection without an error, and the caller would wait on.
    call.on('upgrade', (_, socket) => {
      socket.destroy();
      const unasked = new Error('it switched to another protocol');
      refuse(response, { ...upstreamRefusal(unasked, server), close: hasBody });
    });
    // Also when all is well; then there is nothing left to end.
    response.once('close', () => call.destroy());
    // The headers leave with the first piece of the body; where that waits to be asked for, Node sends them at once.
    if (hasBody) request.pipe(call);
    else call.end();
  };
  // An answer may come before the body has gone: the rest is read and forgotten, as the next request follows it.
  response.once('close', () => request.unpipe().resume());
  attempt(true);
}

/** Passes an answer on. A broken one ends the caller's connection: it must not look complete. */
export function passOn(answer: IncomingMessage, response: ServerResponse, warning: string | undefined): void {
  answer.on('error', () => response.destroy());
  const headers = answerHeaders(answer);
  if (warning !== undefined) headers.push('Warning', warning);
  try {
    response.writeHead(answer.statusCode ?? 0, answer.statusMessage, headers);
  } catch {
    // Through `pods/proxy` an answer may be anybody's, with a status or headers that no server may send.
    response.destroy();
    return;
  }
  // A watch or a log may have its first line much later. A body of known length comes at once, in one piece with them.
  if (answer.headers['content-length'] === undefined) response.flushHeaders();
  answer.pipe(response);
}
