import { randomUUID } from 'node:crypto';
import { request } from 'node:https';
import type { WebhookProcess } from './webhook-process.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** The review that an API server would send for a pod's creation by this user. */
export function creationReview(namespace: string, pod: object, userInfo: object): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: randomUUID(),
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'CREATE',
      namespace,
      userInfo,
      object: pod,
      dryRun: false,
    },
  };
}

/** Sends a body straight to the webhook's port, as anybody can who reaches it. */
export function post(webhook: WebhookProcess, ca: string, path: string, body: object): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const target = { host: '127.0.0.1', port: webhook.port, path, method: 'POST', ca, headers, agent: false };
    const call = request(target, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
}

/** What the webhook answers to a review. */
export interface Response {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patch?: string;
  readonly status?: { readonly message: string };
}

/** Asks the webhook directly, with the path secret. */
export async function review(
  webhook: WebhookProcess,
  ca: string,
  namespace: string,
  pod: object,
  userInfo: object,
): Promise<Response> {
  const body = creationReview(namespace, pod, userInfo);
  const answer = await post(webhook, ca, `/mutate/${webhook.secret}?timeout=10s`, body);
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
  return (JSON.parse(answer.body) as { response: Response }).response;
}
