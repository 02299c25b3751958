import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { isObject, type JsonObject, type Operation } from '../json.ts';

/** A running webhook, as a client reaches it. */
export interface Endpoint {
  /** With the path secret in it. */
  readonly url: string;
  /** The authority that its certificate is checked against, PEM. */
  readonly ca: string;
}

/** The answer to a review. */
export interface Answer {
  readonly allowed: boolean;
  readonly message: string | undefined;
  readonly warnings: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly operations: readonly Operation[];
}

/** Sends a review over HTTPS, as an API server does. */
export async function ask({ url, ca }: Endpoint, review: JsonObject): Promise<Answer> {
  const agent = new Agent({ ca });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sending = request(
    `${url}?timeout=10s`,
    { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
    (response) => void text(response).then(resolve, reject),
  );
  sending.on('error', reject);
  sending.end(JSON.stringify(review));
  const body: unknown = JSON.parse(await promise);
  agent.destroy();
  const response = isObject(body) && isObject(body['response']) ? body['response'] : {};
  const status = isObject(response['status']) ? response['status'] : {};
  const { patch, warnings, auditAnnotations } = response;
  return {
    allowed: response['allowed'] === true,
    message: typeof status['message'] === 'string' ? status['message'] : undefined,
    warnings: Array.isArray(warnings) ? warnings.map(String) : [],
    annotations: isObject(auditAnnotations) ? (auditAnnotations as Readonly<Record<string, string>>) : {},
    operations: typeof patch === 'string' ? (JSON.parse(Buffer.from(patch, 'base64').toString()) as Operation[]) : [],
  };
}
