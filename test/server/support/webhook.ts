import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { FileGovernance } from '../../../src/admission/file-governance.ts';
import { PathSecrets } from '../../../src/admission/path-secret.ts';
import { createWebhook, type Webhook, type WebhookParts } from '../../../src/admission/server.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts';
import { asServing, authority, newServing } from './certificates.ts';
import type { Endpoint } from './client.ts';
import { policyOf } from './reviews.ts';

/** The webhook's server inside the test process, listening on loopback. */
export interface TestWebhook extends Endpoint, AsyncDisposable {
  readonly webhook: Webhook;
  readonly metrics: Metrics;
  /** What it logged, one object a line. */
  readonly log: readonly Record<string, unknown>[];
}

/** Starts the server with the sample policy for every namespace, unless the parts say otherwise. */
export async function startWebhook(parts: Partial<WebhookParts> = {}): Promise<TestWebhook> {
  const metrics = parts.metrics ?? createMetrics();
  const log: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) };
  const webhook = createWebhook({
    governance: governing(),
    settings: { sessionImage: 'registry.example/countersign@sha256:0' },
    metrics,
    log: createLog('countersign-test', stream),
    ...parts,
  });
  const secret = newSecret();
  webhook.setCertificate(asServing(await newServing()));
  webhook.setPathSecrets(new PathSecrets([secret]));
  await webhook.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = webhook.app.server.address() as AddressInfo;
  return {
    webhook,
    metrics,
    log,
    port,
    secret,
    ca: authority.certificate,
    async [Symbol.asyncDispose]() {
      const closed = webhook.app.close();
      webhook.app.server.closeAllConnections();
      await closed;
    },
  };
}

/** One policy for every namespace. */
export function governing(text?: string): FileGovernance {
  const governance = new FileGovernance();
  governance.setPolicy(policyOf(text));
  return governance;
}

export function newSecret(): string {
  return randomBytes(32).toString('hex');
}
