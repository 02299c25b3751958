import { RenewedCredentials } from './credentials.ts';
import { serveCredentials } from './endpoint.ts';
import { publish, withdraw } from './files.ts';
import { openKubernetes } from './kubernetes/open.ts';
import { createLog, type Fields } from './log.ts';
import type { Places } from './places.ts';
import { clearReady, setReady } from './ready.ts';
import type { SessionSettings } from './settings.ts';
import { endpointFiles } from './shared-files.ts';
import { closedMetadata, sourceOf } from './source.ts';
import { keepCredentials, keptCredentials, keptSecret, openStore } from './state.ts';
import type { TemporaryCredentials } from './sts/credentials.ts';

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
  endOnSignal(0);
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

/** What a session is, for whoever reads its log; nothing in it opens anything. */
export function factsOf(
  { operator, roleArn, sessionId }: SessionSettings,
  { expiration }: TemporaryCredentials,
): Fields {
  return { operator, role: roleArn, session: sessionId, expires: expiration.toISOString() };
}

/**
 * Ends at once when told to. kubelet ends native sidecars after the application, so nobody needs them any more, and a
 * process 1 without a handler would hold the pod for its whole grace period.
 */
export function endOnSignal(status: number): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(status));
}
