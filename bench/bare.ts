/**
 * What Countersign is measured against: the least that fastify does for any webhook. It parses a review and answers
 * with the review's uid and a constant patch. No path secret, no decision, no log, no metrics.
 *
 *     node bare.js PORT PROBE_PORT TLS_DIRECTORY PATCH_BYTES…
 *
 * A review for `/N` is answered with a patch of the N bytes that one of the last arguments names; one for `/N/signed`
 * with as many, of which it signs the first thousand as Countersign signs stamps.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fastify } from 'fastify';

const [port, probePort, directory = '', ...sizes] = process.argv.slice(2);

const app = fastify({
  https: { cert: readFileSync(join(directory, 'tls.crt')), key: readFileSync(join(directory, 'tls.key')) },
});
const { privateKey } = generateKeyPairSync('ed25519');
for (const size of sizes) {
  const content = Buffer.alloc(Number(size), 'x');
  const patch = content.toString('base64');
  app.post<{ Body: { request: { uid: string } } }>(`/${size}/signed`, async (request) => {
    const signature = sign(null, content.subarray(0, 1000), privateKey);
    signature.copy(content, 1000);
    const signed = content.toString('base64');
    return {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: request.body.request.uid, allowed: true, patchType: 'JSONPatch', patch: signed },
    };
  });
  app.post<{ Body: { request: { uid: string } } }>(`/${size}`, async (request) => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: request.body.request.uid, allowed: true, patchType: 'JSONPatch', patch },
  }));
}
await app.listen({ host: '127.0.0.1', port: Number(port) });

const probes = fastify();
probes.get('/readyz', async () => 'ok');
await probes.listen({ host: '127.0.0.1', port: Number(probePort) });
