import { Fault } from '../errors.ts';
import { publish } from './files.ts';
import { noAccessFiles } from './kubernetes/kubeconfig.ts';
import { createLog } from './log.ts';
import type { Places } from './places.ts';
import type { SessionSettings } from './settings.ts';
import { keyFiles } from './shared-files.ts';
import { sourceOf } from './source.ts';
import { factsOf, start } from './start.ts';

/** As a shell has it for SIGTERM. */
const EXIT_ENDED = 143;

/**
 * `countersign session init`: writes the session's keys into the shared directory, once, and ends (`delivery: files`).
 * Nothing renews them, and no proxy leads to the Kubernetes API.
 *
 * @throws Fault when the keys cannot be had or written; nothing is left in the shared directory then
 */
export async function init(settings: SessionSettings, places: Places): Promise<void> {
  // Not 0, which would say that the keys are there.
  await start(places, EXIT_ENDED, (deadline) => deliver(settings, places, deadline));
}

async function deliver(settings: SessionSettings, places: Places, deadline: AbortSignal): Promise<void> {
  if (settings.kubernetes.identity !== 'none') {
    throw new Fault(
      'KubernetesAccessFailed',
      'a session that is delivered as files has no process that could lead to the Kubernetes API. ' +
        'Next: set session.delivery to sidecar, or session.kubernetes.identity to none, in the policy',
    );
  }
  const credentials = await sourceOf(settings, places)(deadline);
  await publish(places.shared, { ...keyFiles(credentials), ...noAccessFiles() });
  createLog().info(factsOf(settings, credentials), 'session delivered');
}
