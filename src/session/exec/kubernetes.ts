import { Fault } from '../../errors.ts';
import type { Assumption } from '../assume.ts';
import { proxySecrets } from '../kubernetes/ca.ts';
import { type CallersAccess, impersonatingKubeconfig, noAccessFiles, proxyFiles } from '../kubernetes/kubeconfig.ts';
import { startKubernetesProxy } from '../kubernetes/proxy.ts';
import type { Log } from '../log.ts';
import type { Environment } from '../settings.ts';
import { callersAccess } from './callers-access.ts';
import { upstreamOf } from './upstream.ts';

/**
 * The kubeconfig for the command: the caller's current context, as the operator.
 *
 * Without the proxy it holds the caller's own credentials and the operator's name, for clients that honour it; a client
 * that does not acts as the caller. With the proxy no client can.
 *
 * @throws Fault `KubernetesAccessFailed`
 */
export async function kubeconfigFor(
  env: Environment,
  { operator, sessionId }: Assumption,
  proxy: boolean,
  log: Log,
): Promise<string> {
  const access = callersAccess(env);
  if (access === undefined) return noAccessFiles()['kubeconfig'] ?? '';
  const actingAs = { operator, sessionId, group: false };
  if (!proxy) {
    refuseCommand(access);
    return impersonatingKubeconfig(access, actingAs);
  }
  const [upstream, secrets] = await Promise.all([upstreamOf(access), proxySecrets(NOWHERE)]);
  const { port } = await startKubernetesProxy({ actingAs, upstream, port: 0, secrets, log });
  const address = { port, token: secrets.token, ca: secrets.ca, namespace: access.namespace ?? 'default' };
  return proxyFiles(address)['kubeconfig'] ?? '';
}

/** Nothing of this session is there for another one. */
const NOWHERE = { read: async () => undefined, write: async () => {} };

/** It would run within the command, with the agent's AWS keys, and log in as the session role instead of the caller. */
function refuseCommand({ user }: CallersAccess): void {
  if (user['exec'] === undefined || user['exec'] === null) return;
  throw new Fault(
    'KubernetesAccessFailed',
    'the kubeconfig gets its credentials by a command, which in this session would get other AWS keys than yours. ' +
      'Next: give --proxy, which runs it outside of the session; or KUBECONFIG=/dev/null to do without Kubernetes',
  );
}
