import { RenewedCredentials } from './credentials.ts';
import { serveCredentials } from './endpoint.ts';
import { publish, withdraw } from './files.ts';
import { kubernetesFiles } from './kubernetes-access.ts';
import { createLog } from './log.ts';
import { refuseOpenMetadata } from './metadata.ts';
import type { Places } from './places.ts';
import { clearReady, setReady } from './ready.ts';
import type { SessionSettings } from './settings.ts';
import { endpointFiles } from './shared-files.ts';
import { sourceOf } from './source.ts';
import { keepCredentials, keptCredentials, keptSecret, openStore } from './state.ts';

/** All of the start; the hook waits ten seconds, and the reason must be told before it gives up. */
export const START_WITHIN_MS = 9_000;

/**
 * `countersign session run`: opens the session and holds it open until the process is told to end.
 *
 * Everything is computed and opened first. The application's files come last, and then the word that it may start.
 *
 * @throws Fault when the session cannot be opened; nothing is left in the shared directory then
 */
export async function run(settings: SessionSettings, places: Places): Promise<void> {
  endOnSignal();
  try {
    await open(settings, places, AbortSignal.timeout(START_WITHIN_MS));
  } catch (thrown) {
    withdraw(places.shared);
    throw thrown;
  }
}

async function open(settings: SessionSettings, places: Places, deadline: AbortSignal): Promise<void> {
  clearReady(places);
  const log = createLog();
  const store = await openStore(places.private);
  const source = sourceOf(settings, places);
  const [first] = await Promise.all([
    keptCredentials(store, settings).then((kept) => kept ?? source(deadline)),
    settings.instanceMetadata === 'refuse' && refuseOpenMetadata(places.metadata),
  ]);
  await keepCredentials(store, settings, first);
  const token = await keptSecret(store, 'endpoint-token');
  const credentials = new RenewedCredentials(first, {
    source,
    durationSeconds: settings.durationSeconds,
    log,
    keep: (renewed) => keepCredentials(store, settings, renewed),
  });
  const endpoint = await serveCredentials({
    port: places.awsPort,
    token,
    current: () => credentials.current(),
    soon: () => credentials.soon(),
  });
  const kubernetes = await kubernetesFiles(settings, places, store, log);
  await publish(places.shared, { ...endpointFiles(token), ...kubernetes });
  await setReady(places);
  log.info(
    {
      operator: settings.operator,
      role: settings.roleArn,
      session: settings.sessionId,
      expires: first.expiration.toISOString(),
      awsPort: endpoint.port,
    },
    'session ready',
  );
}

/**
 * kubelet ends native sidecars after the application, so nobody needs us any more. A process 1 without a handler would
 * hold the pod for its whole grace period.
 */
function endOnSignal(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
}
