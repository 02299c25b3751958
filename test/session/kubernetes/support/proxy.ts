import type { Fields, Log } from '../../../../src/session/log.ts';
import { type ProxySecrets, proxySecrets } from '../../../../src/session/kubernetes/ca.ts';
import {
  type KubernetesProxy,
  type ProxyOptions,
  startKubernetesProxy,
} from '../../../../src/session/kubernetes/proxy.ts';
import type { Api } from './api.ts';

/** A running proxy with what a test wants to know of it. */
export interface TestProxy extends KubernetesProxy {
  readonly secrets: ProxySecrets;
  /** What it logged. */
  readonly lines: readonly Fields[];
}

export const OPERATOR = 'alice@acme.com';
export const SESSION = '0b6bd1a0-6c0f-4c05-8f5e-0d1f6f9f2a10';
/** As long as a real one, and of its shape. */
export const POD_TOKEN = `eyJhbGciOiJSUzI1NiJ9.${'x'.repeat(900)}.signature`;

let secrets: Promise<ProxySecrets> | undefined;

/** Starts the proxy in front of `api`. */
export async function startProxy(api: Api, more: Partial<ProxyOptions> = {}): Promise<TestProxy> {
  // A key costs more than all else here, and one serves as well as ten.
  secrets ??= proxySecrets({ read: async () => undefined, write: async () => {} });
  const lines: Fields[] = [];
  const log: Log = {
    info: (fields, message) => lines.push({ ...fields, message }),
    warn: (fields, message) => lines.push({ ...fields, message }),
  };
  const options: ProxyOptions = {
    actingAs: { operator: OPERATOR, sessionId: SESSION, group: false },
    upstream: { server: api.url, ca: api.ca, token: () => POD_TOKEN },
    port: 0,
    secrets: await secrets,
    log,
    ...more,
  };
  return { ...(await startKubernetesProxy(options)), secrets: options.secrets, lines };
}
