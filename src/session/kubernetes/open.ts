import { join } from 'node:path';
import { TOKEN_FILE } from '../../names.ts';
import type { Log } from '../log.ts';
import { lookupWith } from '../lookup.ts';
import type { Places } from '../places.ts';
import type { SessionSettings } from '../settings.ts';
import type { SharedFiles } from '../shared-files.ts';
import type { Store } from '../state.ts';
import { proxySecrets } from './ca.ts';
import { noAccessFiles, proxyFiles } from './kubeconfig.ts';
import { startKubernetesProxy } from './proxy.ts';
import { tokenFrom } from './token.ts';

export interface KubernetesOptions {
  readonly settings: SessionSettings;
  readonly places: Places;
  readonly store: Store;
  readonly log: Log;
}

/**
 * Opens what the settings give a session container of Kubernetes: nothing, or the proxy in front of its API server,
 * which ends with the process.
 *
 * @returns for the application, by path below the shared directory
 * @throws Fault `KubernetesAccessFailed` when there is no token, no certificate or no port
 */
export async function openKubernetes({ settings, places, store, log }: KubernetesOptions): Promise<SharedFiles> {
  const { operator, sessionId, kubernetes } = settings;
  if (kubernetes.identity === 'none') return noAccessFiles();
  const { server, ca, namespace, identity } = kubernetes;
  const token = tokenFrom(join(places.tokens, TOKEN_FILE.kubernetes));
  // Found out now, while the application waits, and not by its first request.
  const [secrets] = await Promise.all([proxySecrets(store), token()]);
  const proxy = await startKubernetesProxy({
    actingAs: { operator, sessionId, group: identity === 'session' },
    upstream: { server, ca, token, lookup: lookupWith() },
    port: places.kubernetesPort,
    secrets,
    log,
  });
  return proxyFiles({ port: proxy.port, token: secrets.token, ca: secrets.ca, namespace });
}
