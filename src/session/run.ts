import { RenewedCredentials } from './credentials.ts';
import { serveCredentials } from './endpoint.ts';
import { publish } from './files.ts';
import { openKubernetes } from './kubernetes/open.ts';
import { createLog } from './log.ts';
import type { Places } from './places.ts';
import { clearReady, setReady } from './ready.ts';
import type { SessionSettings } from './settings.ts';
import { endpointFiles } from './shared-files.ts';
import { closedMetadata, sourceOf } from './source.ts';
import { factsOf, start } from './start.ts';
import { keepCredentials, keptCredentials, keptSecret, openStore } from './state.ts';

/**
 * `countersign session run`: opens the session and holds it open until the process is told to end.
 *
 * Everything is computed and opened first. The application's files come last, and then the word that it may start.
 *
 * @throws Fault when the session cannot be opened; nothing is left in the shared directory then
 */
export async function run(settings: SessionSettings, places: Places): Promise<void> {
  // kubelet ends native sidecars after the application, so nobody needs us any more.
  await start(places, 0, (deadline) => open(settings, places, deadline));
}

async function open(settings: SessionSettings, places: Places, deadline: AbortSignal): Promise<void> {
  clearReady(places);
  const log = createLog();
  const store = await openStore(places.private);
  const source = sourceOf(settings, places);
  const kept = await keptCredentials(store, settings);
  const [first, token, kubernetesFiles] = await Promise.all([
    kept === undefined ? source(deadline) : closedMetadata(settings, places).then(() => kept),
    keptSecret(store, 'endpoint-token'),
    openKubernetes({ settings, places, store, log }),
  ]);
  if (kept === undefined) await keepCredentials(store, settings, first);
  const credentials = new RenewedCredentials(first, {
    source,
    durationSeconds: settings.durationSeconds,
    log,
    keep: (renewed) => keepCredentials(store, settings, renewed),
  });
  const endpoint = await serveCredentials({ port: places.awsPort, token, credentials });
  await publish(places.shared, { ...endpointFiles(token), ...kubernetesFiles });
  await setReady(places);
  log.info({ ...factsOf(settings, first), awsPort: endpoint.port }, 'session ready');
}
