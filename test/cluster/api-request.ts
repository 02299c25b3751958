import { request } from 'node:https';
import type { PemPair } from './certificates.ts';

export interface ApiResponse {
  readonly status: number;
  readonly body: string;
}

/** One plain request to the API server: for readiness and set-up, where a client library would only be in the way. */
export function apiRequest(
  target: { readonly server: string; readonly ca: string; readonly credentials: PemPair },
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<ApiResponse> {
  const { cert, key } = target.credentials;
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, target.server),
      {
        method,
        agent: false,
        ca: target.ca,
        cert,
        key,
        timeout: 10_000,
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        );
      },
    );
    call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer within 10 s`)));
    call.on('error', reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
