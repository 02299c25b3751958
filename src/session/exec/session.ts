import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import { PATH } from '../../names.ts';
import { assumeSession } from '../assume.ts';
import { RenewedCredentials } from '../credentials.ts';
import { serveCredentials } from '../endpoint.ts';
import { createLog, type Log } from '../log.ts';
import { newSecret } from '../secret.ts';
import { endpointFiles } from '../shared-files.ts';
import type { Source } from '../source.ts';
import { stsAt } from '../sts/client.ts';
import type { TemporaryCredentials } from '../sts/credentials.ts';
import type { ExecArguments } from './arguments.ts';
import { baseKeysOf } from './base.ts';
import { makePrivateDirectory } from './directory.ts';
import { childEnvironment, type Mechanism } from './environment.ts';
import { kubeconfigFor } from './kubernetes.ts';
import type { ExecSettings } from './settings.ts';

/**
 * Opens a session for a command: first everything that AWS and the kubeconfig may refuse, then files and endpoint.
 *
 * @returns the command's environment
 * @throws Fault
 */
export async function openSession(
  settings: ExecSettings,
  { renew, proxy }: Pick<ExecArguments, 'renew' | 'proxy'>,
  deadline: AbortSignal,
): Promise<Record<string, string>> {
  const log = createLog({ write: writeNow });
  const sts = stsAt(settings);
  const base = baseKeysOf(settings.region);
  const source: Source = (within) => assumeSession(sts, base, settings, within);
  const [first, kubeconfig] = await Promise.all([source(deadline), kubeconfigFor(process.env, settings, proxy, log)]);

  const token = newSecret();
  const directory = makePrivateDirectory(process.env);
  const files = { ...endpointFiles(token), [KUBECONFIG]: kubeconfig };
  const paths = new Map<string, string>();
  for (const [name, content] of Object.entries(files)) paths.set(name, await directory.write(name, content));
  const at = (path: string): string => paths.get(basename(path)) ?? '';

  const mechanism: Mechanism = renew
    ? { kind: 'endpoint', port: await serveRenewed(first, source, settings, token, log), tokenFile: at(PATH.awsToken) }
    : { kind: 'keys', credentials: first };
  const { operator, roleArn: role, sessionId: session, region } = settings;
  log.info({ operator, role, session, expires: first.expiration.toISOString() }, 'session ready');
  return childEnvironment(process.env, settings, region, mechanism, {
    awsConfig: at(PATH.awsConfig),
    awsCredentials: at(PATH.awsCredentials),
    kubeconfig: at(PATH.kubeconfig),
  });
}

const KUBECONFIG = basename(PATH.kubeconfig);

async function serveRenewed(
  first: TemporaryCredentials,
  source: Source,
  { durationSeconds }: ExecSettings,
  token: string,
  log: Log,
): Promise<number> {
  const credentials = new RenewedCredentials(first, { source, durationSeconds, log, keep: async () => {} });
  const endpoint = await serveCredentials({ port: 0, token, credentials });
  return endpoint.port;
}

/** Before the command writes its own lines there, and before a short one ends the process. */
function writeNow(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Nobody reads it.
  }
}
