import { once } from 'node:events';
import { createServer } from 'node:https';
import type { Api } from '../../admission/support/api.ts';
import type { Cluster } from '../../cluster.ts';

const PATHS: Readonly<Record<string, string>> = {
  MutatingWebhookConfiguration: '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  ValidatingWebhookConfiguration: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
};

/** A request that the API server asked about, as far as it matters here. */
export interface Asked {
  readonly webhook: string;
  readonly operation: string;
  /** With the subresource behind it, where there is one. */
  readonly resource: string;
  readonly name: string;
  /** Empty where the object is in none. */
  readonly namespace: string;
  readonly username: string;
  readonly dryRun: boolean;
}

export interface Recorder {
  readonly asked: readonly Asked[];
  readonly stop: () => Promise<void>;
}

interface Review {
  readonly request: {
    readonly uid: string;
    readonly operation: string;
    readonly resource: { readonly resource: string };
    readonly subResource?: string;
    readonly name?: string;
    readonly namespace?: string;
    readonly userInfo: { readonly username: string };
    readonly dryRun?: boolean;
  };
}

/** A webhook configuration, as manifests hold it. */
export interface RenderedConfiguration {
  readonly kind: string;
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig: object }[];
}

/** Stands in for Countersign behind webhooks of `manifests/`: takes note of what it is asked, and allows everything. */
export async function startRecorder(
  cluster: Cluster,
  admin: Api,
  configurations: readonly RenderedConfiguration[],
): Promise<Recorder> {
  const asked: Asked[] = [];
  const server = createServer(await cluster.serverCertificate(), (request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const {
        uid,
        operation,
        name = '',
        namespace = '',
        userInfo,
        dryRun = false,
        ...of
      } = (JSON.parse(text) as Review).request;
      const webhook = new URL(request.url ?? '', 'https://localhost').pathname.slice(1);
      const resource = [of.resource.resource, ...(of.subResource === undefined ? [] : [of.subResource])].join('/');
      asked.push({ webhook, operation, resource, name, namespace, username: userInfo.username, dryRun });
      response.setHeader('content-type', 'application/json');
      const answer = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, allowed: true } };
      response.end(JSON.stringify(answer));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await once(server.close(), 'close');
  };
  const stop = async (): Promise<void> => {
    for (const path of Object.values(PATHS)) await admin.call('DELETE', `${path}/recorder`);
    await close();
  };
  const caBundle = Buffer.from(cluster.ca).toString('base64');
  for (const { kind, webhooks = [] } of configurations) {
    const body = {
      metadata: { name: 'recorder' },
      webhooks: webhooks.map((webhook) => ({
        ...webhook,
        clientConfig: { url: `https://127.0.0.1:${address.port}/${webhook.name}`, caBundle },
      })),
    };
    const created = await admin.call('POST', PATHS[kind] ?? '', { body });
    if (created.status !== 201) {
      await stop();
      throw new Error(`recorder: ${created.body.message}`);
    }
  }
  return { asked, stop };
}
