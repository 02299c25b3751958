import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { Fault, reasonOf } from '../../errors.ts';
import { isObject, type JsonObject } from '../../json.ts';
import { PATH } from '../../names.ts';
import type { CallersAccess } from '../kubernetes/kubeconfig.ts';
import type { Environment } from '../settings.ts';

/**
 * The way to a cluster that the caller has: of the kubeconfig's current context, or as kubectl finds it within a pod.
 * Undefined when there is none, which is no fault: the command may do without.
 *
 * @throws Fault `KubernetesAccessFailed` when there is one that cannot be read
 */
export function callersAccess(env: Environment): CallersAccess | undefined {
  const list = env['KUBECONFIG'] ?? '';
  const named = list.split(delimiter).filter((path) => path !== '');
  const files = (named.length > 0 ? named : [join(env['HOME'] ?? homedir(), '.kube', 'config')]).flatMap(readConfig);
  return currentContext(files) ?? inCluster(env);
}

interface ConfigFile {
  readonly path: string;
  readonly content: JsonObject;
}

/** kubectl passes over files that are not there. */
function readConfig(path: string): ConfigFile[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw failed(`${path} cannot be read: ${reasonOf(thrown)}`, 'let KUBECONFIG name a kubeconfig');
  }
  let content: unknown;
  try {
    content = parse(text);
  } catch {
    // The parser quotes the line that it does not understand, and that may hold a token.
    throw failed(`${path} is not YAML`, 'repair it');
  }
  return isObject(content) ? [{ path: resolve(path), content }] : [];
}

/** Of several files the first that says something wins, entry by entry (Kubernetes: "Merging kubeconfig files"). */
function currentContext(files: readonly ConfigFile[]): CallersAccess | undefined {
  const name = files
    .map(({ content }) => content['current-context'])
    .find((each) => typeof each === 'string' && each !== '');
  if (typeof name !== 'string') return undefined;
  const context = entry(files, 'contexts', 'context', name);
  const namespace = context['namespace'];
  return {
    cluster: entry(files, 'clusters', 'cluster', context['cluster']),
    user: entry(files, 'users', 'user', context['user']),
    ...(typeof namespace === 'string' && { namespace }),
  };
}

function entry(files: readonly ConfigFile[], list: string, member: string, name: unknown): JsonObject {
  for (const { path, content } of files) {
    const entries = content[list];
    const found: unknown = Array.isArray(entries)
      ? entries.find((each) => isObject(each) && each['name'] === name)
      : undefined;
    const value: unknown = isObject(found) ? found[member] : undefined;
    if (isObject(value)) return absolute(value, dirname(path));
  }
  throw failed(`the kubeconfig has no ${member} "${String(name)}"`, 'choose one with kubectl config use-context');
}

/**
 * Paths are relative to the file that they stand in, and ours stands elsewhere. A command is a path when it has a slash
 * (client-go, `exec`).
 */
function absolute(value: JsonObject, directory: string): JsonObject {
  const { exec } = value;
  const command = isObject(exec) ? exec['command'] : undefined;
  const entries = Object.entries(value).map(([key, each]) => [
    key,
    PATHS.has(key) && typeof each === 'string' && each !== '' ? resolve(directory, each) : each,
  ]);
  return {
    ...(Object.fromEntries(entries) as JsonObject),
    ...(isObject(exec) &&
      typeof command === 'string' &&
      command.includes('/') && { exec: { ...exec, command: resolve(directory, command) } }),
  };
}

const PATHS = new Set(['certificate-authority', 'client-certificate', 'client-key', 'tokenFile']);

/** client-go, `rest.InClusterConfig`. */
function inCluster(env: Environment): CallersAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host === undefined || port === undefined || host === '' || port === '') return undefined;
  const at = (name: string) => join(PATH.serviceAccount, name);
  // A pod whose account is not mounted has the address all the same, and no way in.
  if (!existsSync(at('token'))) return undefined;
  return {
    cluster: {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      'certificate-authority': at('ca.crt'),
    },
    user: { tokenFile: at('token') },
    namespace: readFileSync(at('namespace'), 'utf8').trim(),
  };
}

function failed(what: string, next: string): Fault {
  return new Fault('KubernetesAccessFailed', `${what}. Next: ${next}; KUBECONFIG=/dev/null does without Kubernetes`);
}
