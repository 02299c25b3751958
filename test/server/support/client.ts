import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { JsonObject, Operation } from '../../../src/json.ts';

/** Where a webhook listens, and what a client must know to use it. */
export interface Endpoint {
  readonly port: number;
  readonly ca: string;
  readonly secret: string;
}

export interface Sending {
  readonly method?: string;
  /** By default the mutating path with the endpoint's secret. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Anything that is not text or bytes is sent as JSON. */
  readonly body?: string | Buffer | JsonObject;
  /** By default a connection of its own. */
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: JsonObject;
}

/** Sends one request over HTTPS and reads the whole answer. */
export async function send(endpoint: Endpoint, sending: Sending = {}): Promise<Reply> {
  const { method = 'POST', path = mutatePath(endpoint), headers = {}, body = '', agent = false, signal } = sending;
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const sent = request(
    {
      host: '127.0.0.1',
      port: endpoint.port,
      ca: endpoint.ca,
      method,
      path,
      agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes), ...headers },
      ...(signal !== undefined && { signal }),
    },
    (response) => {
      const { statusCode: status = 0, headers } = response;
      text(response).then(
        (content) => resolve({ status, headers, text: content, json: jsonIn(content) }),
        (error: unknown) => reject(asError(error)),
      );
    },
  );
  sent.on('error', reject);
  sent.end(bytes);
  return promise;
}

/** A client that keeps one connection, as an API server does. */
export function keepAlive(): Agent & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}

export function mutatePath(endpoint: Endpoint): string {
  return `/mutate/${endpoint.secret}?timeout=10s`;
}

/** The `response` of an AdmissionReview that answers a review. */
export interface Response {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patchType?: string;
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  readonly status?: {
    readonly code: number;
    readonly reason: string;
    readonly message: string;
    readonly details: { readonly causes: readonly { readonly reason: string }[] };
  };
}

/** Sends a review and takes the answer apart; fails when it is none. */
export async function ask(endpoint: Endpoint, review: JsonObject, sending: Sending = {}): Promise<Response> {
  const reply = await send(endpoint, { ...sending, body: review });
  if (reply.status !== 200) throw new Error(`${reply.status}: ${reply.text}`);
  return responseOf(reply);
}

export function responseOf(reply: Reply): Response {
  return reply.json['response'] as unknown as Response;
}

export function operationsOf(response: Response): Operation[] {
  return JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()) as Operation[];
}

/** The code of a decision, as the audit log gets it. */
export function codeOf(response: Response): string | undefined {
  return response.auditAnnotations?.['code'];
}

function jsonIn(content: string): JsonObject {
  try {
    return JSON.parse(content) as JsonObject;
  } catch {
    return {};
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
