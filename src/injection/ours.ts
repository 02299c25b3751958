import { isObject, type JsonObject, sameJson } from '../json.ts';
import { CONTAINER, ENV, VOLUME } from '../names.ts';
import { APPLICATION_MOUNTS, BLANKED_VARIABLES, KUBERNETES_VARIABLES, type SessionPlan } from './container.ts';
import type { Mount, NamedObject, Volume } from './pod.ts';

/**
 * What in a pod is Countersign's, or stands in its way: it is stripped and planned anew, whoever put it there.
 */

const OUR_VOLUMES: ReadonlySet<string> = new Set(Object.values(VOLUME));

/** AWS variables that break botocore when they are blank, so that they must not be there at all. */
const ABSENT_VARIABLES = [
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CREDENTIAL_FILE',
] as const;

/** Followed by a service's name: a key that is used instead of signed credentials (botocore, `tokens.py`). */
const BEARER_PREFIX = 'AWS_BEARER_TOKEN_';

const MANAGED_VARIABLES: ReadonlySet<string> = new Set([
  ...Object.values(ENV),
  ...BLANKED_VARIABLES,
  ...ABSENT_VARIABLES,
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  'AWS_CONFIG_FILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_EC2_METADATA_DISABLED',
]);

/** Whether a variable is set by Countersign or must not be set by anybody, in whatever session. */
export function isManagedVariable(name: string): boolean {
  return MANAGED_VARIABLES.has(name) || name.startsWith(BEARER_PREFIX);
}

/**
 * Whether a variable goes when this is planned. What leads to the Kubernetes API is left alone in a pod that gets no
 * access, unless it is what another session brought along.
 */
export function isReplacedVariable(entry: NamedObject, { kubernetes }: Pick<SessionPlan, 'kubernetes'>): boolean {
  if (isManagedVariable(entry.name)) return true;
  if (!KUBERNETES_NAMES.has(entry.name)) return false;
  return kubernetes.identity !== 'none' || KUBERNETES_VARIABLES.some((own) => sameJson(own, entry));
}

const KUBERNETES_NAMES: ReadonlySet<unknown> = new Set(KUBERNETES_VARIABLES.map(({ name }) => name));

/** A variable that must not be there and whose name can begin with this prefix, if there is one. */
export function absentVariableFrom(prefix: string): string | undefined {
  if (prefix.startsWith(BEARER_PREFIX)) return prefix;
  return [...ABSENT_VARIABLES, BEARER_PREFIX].find((name) => name.startsWith(prefix));
}

/** Whether a volume bears one of our names. */
export function isOurVolume(volume: { readonly name: string }): boolean {
  return OUR_VOLUMES.has(volume.name);
}

/** Whether an init container is the session container of this or another session. */
export function isSessionContainer(container: JsonObject): boolean {
  const command = container['command'];
  return container['name'] === CONTAINER.name && Array.isArray(command) && command[0] === CONTAINER.program;
}

/** Whether an application container's mount of one of our volumes is one that Countersign makes. */
export function isOurMount(mount: Mount): boolean {
  return APPLICATION_MOUNTS.some((own) => sameJson(own, mount));
}

/** Which injector put a token volume there, if one whose volumes Countersign replaces did. */
export function replacedTokenVolume(volume: Volume): 'kubernetes' | 'eks' | undefined {
  const sources = projectedSources(volume);
  const tokens = sources.map((source) => source['serviceAccountToken']).filter(isObject);
  const [token] = tokens;
  if (token === undefined || tokens.length !== 1) return undefined;
  if (volume.name.startsWith('kube-api-access-') && token['audience'] === undefined && token['path'] === 'token') {
    return sources.every(isApiAccessSource) ? 'kubernetes' : undefined;
  }
  const audience = EKS_VOLUMES.get(volume.name);
  return audience !== undefined && sources.length === 1 && token['audience'] === audience ? 'eks' : undefined;
}

/** amazon-eks-pod-identity-webhook, `pkg/handler`: the volumes it adds, with the audiences of their tokens. */
const EKS_VOLUMES: ReadonlyMap<string, string> = new Map([
  ['aws-iam-token', 'sts.amazonaws.com'],
  ['eks-pod-identity-token', 'pods.eks.amazonaws.com'],
]);

/** The ServiceAccount admission plugin's volume holds a token, the cluster's CA and the namespace, and nothing else. */
function isApiAccessSource(source: JsonObject): boolean {
  const configMap = source['configMap'];
  if (isObject(configMap)) return configMap['name'] === 'kube-root-ca.crt';
  return isObject(source['serviceAccountToken']) || isObject(source['downwardAPI']);
}

/** The sources of a projected volume; none for any other volume. */
export function projectedSources(volume: Volume): readonly JsonObject[] {
  const projected = volume['projected'];
  const sources = isObject(projected) ? projected['sources'] : undefined;
  return Array.isArray(sources) ? sources.filter(isObject) : [];
}

/**
 * A mount path as the container's file system resolves it, so that `…/serviceaccount/`, `//`, `/./` and `/run` for
 * `/var/run` are seen for what they are: an exact comparison is got round by spelling.
 */
export function cleanPath(path: string): string {
  if (CLEAN_PATH.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  if (parts[0] === 'run') parts.unshift('var');
  return `/${parts.join('/')}`;
}

/** No part is empty or begins with a dot, and the first is not `run`. */
const CLEAN_PATH = /^(?!\/run(?:\/|$))(?:\/[^/.][^/]*)+$/;
