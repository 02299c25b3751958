import type { ServerResponse } from 'node:http';

/** Why the proxy itself answers, with the words of the Kubernetes API (metav1.StatusReason). */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
  /** What happened, why, and what to do next. */
  readonly message: string;
  /** Clients wait as long and ask again by themselves. */
  readonly retryAfterSeconds?: number;
  /** Whether the connection ends, as nobody knows where its next request begins. */
  readonly close?: boolean;
}

/** Answers as the API server would, so that every client shows the message to whoever runs it. */
export function refuse(response: ServerResponse, { code, reason, message, retryAfterSeconds, close }: Refusal): void {
  // Half an answer cannot be taken back, and writing a second one throws.
  if (response.headersSent) return void response.destroy();
  const body = JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `countersign: ${message}`,
    reason,
    code,
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  });
  response.writeHead(code, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': retryAfterSeconds }),
    ...(close === true ? { Connection: 'close' } : {}),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** What went wrong between proxy and API server. */
export function upstreamRefusal(thrown: unknown, server: string): Refusal {
  const code = codeOf(thrown);
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  if (code === 'KubernetesAccessFailed') return { code: 503, reason: 'ServiceUnavailable', message: why };
  if (code.startsWith('ERR_INVALID_') || code === 'ERR_UNESCAPED_CHARACTERS') {
    const message = 'this request holds characters that HTTP does not allow. Next: encode them in the URL';
    return { code: 400, reason: 'BadRequest', message };
  }
  if (code === 'COUNTERSIGN_PATH_LEAVES') {
    return {
      code: 400,
      reason: 'BadRequest',
      message: `the request is refused: ${why}. Next: ask for a path without ".."`,
    };
  }
  if (NOT_SENT.has(code)) {
    const message =
      `the Kubernetes API at ${server} cannot be reached: ${why}. ` +
      'Next: ask again; if it stays so, look whether the network lets this pod reach it';
    return { code: 503, reason: 'ServiceUnavailable', message, retryAfterSeconds: 1 };
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO|ISSUER/.test(code)) {
    const message =
      `the server at ${server} is not the Kubernetes API that this session was told of: ${why}. ` +
      'Next: compare its certificate with the authority that the webhook gives (--session-api-ca), or the kubeconfig';
    return { code: 502, reason: 'InternalError', message };
  }
  const message =
    `the Kubernetes API at ${server} broke off before it answered: ${why}. ` +
    'Next: look whether what was asked has happened, and ask again if not';
  return { code: 502, reason: 'InternalError', message };
}

/** The request never left, so that it may be sent again whatever it is. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'COUNTERSIGN_NOT_CONNECTED',
]);

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}
