import { Fault } from '../errors.ts';
import { noAccessFiles, type SharedFiles } from './kubernetes/kubeconfig.ts';
import type { Log } from './log.ts';
import type { Places } from './places.ts';
import type { SessionSettings } from './settings.ts';
import type { Store } from './state.ts';

/**
 * Opens the way to the Kubernetes API, as the settings have it.
 *
 * @returns the files by which clients find it
 * @throws Fault `KubernetesAccessFailed`
 */
export async function kubernetesFiles(
  { kubernetes }: SessionSettings,
  _places: Places,
  _store: Store,
  _log: Log,
): Promise<SharedFiles> {
  if (kubernetes.identity === 'none') return noAccessFiles();
  throw new Fault('KubernetesAccessFailed', 'not there yet');
}
