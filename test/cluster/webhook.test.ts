import { once } from 'node:events';
import { createServer } from 'node:https';
import { afterAll, describe, expect, it } from 'vitest';
import { connect } from './fixture.ts';
import { until } from './until.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('a webhook in the test process', () => {
  const cleanUp: (() => Promise<unknown>)[] = [];
  afterAll(async () => {
    for (const step of cleanUp.toReversed()) await step();
  });

  it('is called by the API server on loopback, with a certificate of the control plane', async () => {
    const server = createServer(await cluster.serverCertificate(), (request, response) => {
      request.setEncoding('utf8').once('data', (text: string) => {
        const { uid } = (JSON.parse(text) as { request: { uid: string } }).request;
        const answer = { uid, allowed: false, status: { message: 'not today' } };
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    cleanUp.push(async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    });

    const namespace = await cluster.newNamespace();
    const configuration = webhook(namespace, server.address());
    cleanUp.push(() => cluster.kubectl(['delete', 'validatingwebhookconfiguration', configuration.metadata.name]));
    const applied = await cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(configuration) });
    expect(applied).toMatchObject({ status: 0, stderr: '' });

    // The API server learns of a new configuration from a watch; until then nothing is refused.
    const refused = await until('the API server calls the webhook', async () => {
      const result = await cluster.kubectl(['create', 'configmap', 'x', '--dry-run=server', '-n', namespace]);
      return result.status !== 0 && result;
    });
    expect(refused.stderr).toBe(
      'error: failed to create configmap: admission webhook "test.countersign.dev" denied the request: not today\n',
    );
  });

  function webhook(namespace: string, address: ReturnType<ReturnType<typeof createServer>['address']>) {
    if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
    return {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: namespace },
      webhooks: [
        {
          name: 'test.countersign.dev',
          clientConfig: {
            url: `https://127.0.0.1:${address.port}/`,
            caBundle: Buffer.from(cluster.ca).toString('base64'),
          },
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    };
  }
});
