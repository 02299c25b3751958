import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/** A request that has arrived whole. */
export interface Arrived {
  readonly method: string;
  /** Before the question mark, undecoded. */
  readonly path: string;
  /** Behind it. */
  readonly query: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly from: string;
}

const MOST_BYTES = 1_048_576;

export async function arrive(request: IncomingMessage): Promise<Arrived> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Refusal(413, 'RequestEntityTooLarge', `more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  return {
    method: request.method ?? '',
    path,
    query,
    headers: request.headers,
    body: Buffer.concat(chunks),
    from: request.socket.remoteAddress ?? '',
  };
}

export function header({ headers }: Arrived, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
