import { fastify, type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';

/**
 * The listener of kubelet and Prometheus, apart from the webhook's: without TLS, without a secret, and with nothing on
 * it that decides anything.
 *
 * @param notReady says what is missing, or undefined
 */
export function createProbes(registry: Registry, notReady: () => string | undefined): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 1024,
    forceCloseConnections: true,
    // Whoever opens connections and sends nothing must not keep kubelet's out.
    requestTimeout: 5_000,
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000 },
  });
  app.server.maxConnections = 1024;
  app.get('/livez', async () => 'ok');
  app.get('/readyz', async (_request, reply) => {
    const reason = notReady();
    return reason === undefined ? 'ok' : reply.code(503).send(reason);
  });
  app.get('/metrics', async (_request, reply) => {
    reply.type(registry.contentType);
    return registry.metrics();
  });
  return app;
}
