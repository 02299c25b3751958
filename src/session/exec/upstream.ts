import { readFileSync } from 'node:fs';
import { Fault, reasonOf } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import type { CallersAccess } from '../kubernetes/kubeconfig.ts';
import { tokenFrom } from '../kubernetes/token.ts';
import type { Upstream } from '../kubernetes/upstream.ts';
import { tokenByCommand } from './token-command.ts';

/**
 * What a kubeconfig may say of a server or a user beside what the proxy can do. Passed over, it would be a connection
 * that is not checked, or one to somewhere else.
 */
const NOT_SERVED = {
  cluster: ['insecure-skip-tls-verify', 'proxy-url', 'tls-server-name'],
  user: ['username', 'password', 'auth-provider', 'as', 'as-uid', 'as-groups', 'as-user-extra'],
} as const;

/**
 * The API server for the proxy, with the caller's own credentials, which the command never sees.
 *
 * @throws Fault `KubernetesAccessFailed` when the kubeconfig has what the proxy cannot do, or lacks what it needs
 */
export async function upstreamOf({ cluster, user }: CallersAccess): Promise<Upstream> {
  refuseSet(cluster, NOT_SERVED.cluster);
  refuseSet(user, NOT_SERVED.user);
  const server = text(cluster, 'server') ?? '';
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:')
    throw failed(`its server "${server}" is no https URL`);
  const certificate = pem(user, 'client-certificate');
  const key = pem(user, 'client-key');
  const token = tokenOf(user);
  // Found out now, and not by the command's first request.
  await token?.();
  if (token === undefined && (certificate === undefined || key === undefined)) {
    throw failed('its user has neither a token nor a certificate with its key nor a command for one');
  }
  return {
    server: new URL(server),
    ca: pem(cluster, 'certificate-authority'),
    ...(token !== undefined && { token }),
    ...(certificate !== undefined && key !== undefined && { clientCertificate: { certificate, key } }),
  };
}

function tokenOf(user: JsonObject): (() => string | Promise<string>) | undefined {
  const inline = text(user, 'token');
  const file = text(user, 'tokenFile');
  // client-go prefers the file.
  if (file !== undefined) return tokenFrom(file);
  if (inline !== undefined) return () => inline;
  const command = user['exec'];
  return command === undefined || command === null ? undefined : tokenByCommand(command);
}

function refuseSet(entry: JsonObject, names: readonly string[]): void {
  const found = names.find((name) => ![undefined, null, '', false].includes(entry[name] as never));
  if (found !== undefined) throw failed(`it has "${found}", which the proxy does not do`);
}

/** `NAME-data` in base64, or `NAME` with a path. */
function pem(entry: JsonObject, name: string): string | undefined {
  const data = text(entry, `${name}-data`);
  if (data !== undefined) return Buffer.from(data, 'base64').toString();
  const path = text(entry, name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw failed(`its ${name} cannot be read: ${reasonOf(thrown)}`);
  }
}

function text(entry: JsonObject, name: string): string | undefined {
  const value = entry[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function failed(what: string): Fault {
  return new Fault(
    'KubernetesAccessFailed',
    `the current context of the kubeconfig does not serve: ${what}. ` +
      'Next: use another context; KUBECONFIG=/dev/null does without Kubernetes',
  );
}
