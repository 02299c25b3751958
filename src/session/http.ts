import { type Agent as HttpAgent, request as requestHttp } from 'node:http';
import { type Agent as HttpsAgent, request as requestHttps } from 'node:https';

export interface Exchange {
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: HttpAgent | HttpsAgent;
  /** Ends the exchange, wherever it is. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** What the other side takes for the present, if it says so. */
  readonly date: Date | undefined;
}

/** None of the answers that a session asks for comes near this; more is an attack or a mistake. */
const MAX_BYTES = 64 * 1024;

/**
 * One request and its whole answer. It follows no redirect: where credentials are sent to is a setting.
 *
 * @throws Error of the network, of the signal, or because the answer is larger than 64 KiB
 */
export function exchange({ url, method, headers, body, agent, signal }: Exchange): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const start = url.protocol === 'https:' ? requestHttps : requestHttp;
  let answered = false;
  const request = start(url, { method, signal, ...(headers && { headers }), ...(agent && { agent }) }, (response) => {
    answered = true;
    const parts: Buffer[] = [];
    let size = 0;
    response.on('data', (part: Buffer) => {
      size += part.length;
      if (size > MAX_BYTES) response.destroy(new Error(`the answer is larger than ${MAX_BYTES} bytes`));
      else parts.push(part);
    });
    response.on('end', () => {
      const date = new Date(response.headers.date ?? '');
      resolve({
        status: response.statusCode ?? 0,
        body: Buffer.concat(parts).toString(),
        date: Number.isNaN(date.getTime()) ? undefined : date,
      });
    });
    response.on('error', reject);
  });
  request.on('error', reject);
  // An answer that switches to another protocol ends the connection without an error; not even the signal would be heard.
  request.on('close', () => {
    if (!answered) reject(new Error('the connection ended without an answer'));
  });
  request.end(body);
  return promise;
}
