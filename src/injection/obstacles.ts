import { type Denial, deny, quote } from '../denials.ts';
import { isObject, type JsonObject } from '../json.ts';
import { CONTAINER, PATH, PORT } from '../names.ts';
import {
  absentVariableFrom,
  cleanPath,
  isOurMount,
  isOurVolume,
  isSessionContainer,
  projectedSources,
  replacedTokenVolume,
} from './ours.ts';
import type { Container, Pod, Volume } from './pod.ts';

/** Sources of credentials that an admin tolerates. */
export interface Allowances {
  readonly tokenAudiences: ReadonlySet<string>;
  readonly csiDrivers: ReadonlySet<string>;
}

/** What decides beside the pod itself; a policy has it. */
export interface Conditions {
  readonly allow: Allowances;
  /** With access to the Kubernetes API the session takes the service account's place. */
  readonly session: { readonly kubernetes: { readonly identity: 'none' | 'pod' } };
}

/**
 * The first thing in a pod that would let somebody else into the session, give the agent a second credential, or
 * cannot stand beside what is injected; undefined when there is nothing of the kind.
 *
 * What is reached by host namespaces, privileges, capabilities and host paths is not looked for here: the namespace's
 * Pod Security level refuses it, and is kept up with Kubernetes by others.
 */
export function obstacleIn(pod: Pod, { allow, session }: Conditions): Denial | undefined {
  const reserved = session.kubernetes.identity === 'none' ? RESERVED_DIRECTORIES : RESERVED_WITH_KUBERNETES;
  return (
    podObstacle(pod) ??
    firstOf(pod.volumes ?? [], (volume) => volumeObstacle(volume, allow)) ??
    firstContainerObstacle(pod, reserved)
  );
}

function podObstacle(pod: Pod): Denial | undefined {
  const os = pod.spec['os'];
  const selector = pod.spec['nodeSelector'];
  const windows =
    (isObject(os) && os['name'] === 'windows') || (isObject(selector) && selector['kubernetes.io/os'] === 'windows');
  if (windows) return deny('WindowsPod', {});
  // One process namespace shows every container's files, our tokens too, under /proc/PID/root.
  if (pod.spec['shareProcessNamespace'] === true) return deny('SharedProcessNamespace', {});
  const count = pod.containers.length;
  return count > MAX_CONTAINERS ? deny('TooManyContainers', { count, most: MAX_CONTAINERS }) : undefined;
}

/**
 * A container of thirteen characters is given fifteen hundred: of a pod as large as an API server takes, the patch would
 * take all memory. With this many it is still smaller than what etcd takes.
 */
const MAX_CONTAINERS = 256;

function volumeObstacle(volume: Volume, allow: Allowances): Denial | undefined {
  if (isOurVolume(volume)) {
    return isObject(volume['emptyDir']) || isObject(volume['projected'])
      ? undefined
      : deny('ReservedName', { what: 'volume', name: volume.name });
  }
  const csi = volume['csi'];
  if (isObject(csi)) {
    const driver = typeof csi['driver'] === 'string' ? csi['driver'] : '';
    return allow.csiDrivers.has(driver) ? undefined : deny('InlineCsi', { volume: volume.name, driver });
  }
  if (replacedTokenVolume(volume) !== undefined) return undefined;
  return firstOf(projectedSources(volume), (source) => {
    const what = credentialIn(source, allow);
    return what === undefined ? undefined : deny('TokenProjection', { volume: volume.name, what });
  });
}

/** Sources of a projected volume that hold what the namespace's users can read anyway, or nothing secret. */
const HARMLESS_SOURCES: ReadonlySet<string> = new Set(['secret', 'configMap', 'downwardAPI', 'clusterTrustBundle']);

/** Which credential a source projects that is not tolerated. What is not known may be one, so it is refused too. */
function credentialIn(source: JsonObject, allow: Allowances): string | undefined {
  const token = source['serviceAccountToken'];
  if (isObject(token)) {
    // Without an audience the token is one for the API server: the pod's own account, without the operator.
    const audience = token['audience'];
    if (typeof audience !== 'string') return "the service account's API token";
    return allow.tokenAudiences.has(audience) ? undefined : `a service account token for ${quote(audience)}`;
  }
  // For one a pod certificate, which the API server may take for the pod's own account (KEP-4317).
  const kind = Object.keys(source).find((key) => source[key] !== null && !HARMLESS_SOURCES.has(key));
  return kind === undefined ? undefined : `a source of kind ${quote(kind)}`;
}

function firstContainerObstacle(pod: Pod, reserved: readonly string[]): Denial | undefined {
  const dropped = new Set((pod.volumes ?? []).filter(replacedTokenVolume).map((volume) => volume.name));
  // One comes along in a copied pod; each of thousands would cost the API server an operation to take out.
  if ((pod.initContainers ?? []).filter(({ name }) => name === CONTAINER.name).length > 1) {
    return deny('ReservedName', { what: 'container', name: CONTAINER.name });
  }
  return firstOf(pod.containers, ({ container, pointer }) => {
    if (container.name === CONTAINER.name) {
      return pointer.startsWith('/spec/initContainers/') && isSessionContainer(container.raw)
        ? undefined
        : deny('ReservedName', { what: 'container', name: container.name });
    }
    return (
      mountObstacle(container, reserved, dropped) ??
      envObstacle(container) ??
      envFromObstacle(container) ??
      portObstacle(container)
    );
  });
}

const RESERVED_DIRECTORIES = [PATH.shared, PATH.private, PATH.tokens].map((path) => `${path}/`);
const RESERVED_WITH_KUBERNETES = [...RESERVED_DIRECTORIES, `${PATH.serviceAccount}/`];

function mountObstacle(
  container: Container,
  reserved: readonly string[],
  dropped: ReadonlySet<string>,
): Denial | undefined {
  return firstOf(container.mounts ?? [], (mount) => {
    // Goes with its volume.
    if (dropped.has(mount.name)) return undefined;
    if (isOurVolume(mount)) {
      // An author who mounts the private volume, or the shared one writable, would read or forge the session's files.
      return isOurMount(mount)
        ? undefined
        : deny('ReservedMount', { container: container.name, volume: mount.name, path: mount.mountPath });
    }
    const directory = `${cleanPath(mount.mountPath)}/`;
    const covers = reserved.some((each) => directory.startsWith(each));
    return covers ? deny('ReservedPath', { container: container.name, path: mount.mountPath }) : undefined;
  });
}

/** kubelet reads a `fileKeyRef` from a volume that the container need not mount, such as our private one. */
export function envObstacle(container: Pick<Container, 'name' | 'env'>): Denial | undefined {
  return firstOf(container.env ?? [], ({ valueFrom }) => {
    const file = isObject(valueFrom) ? valueFrom['fileKeyRef'] : undefined;
    const volume = isObject(file) ? file['volumeName'] : undefined;
    if (!isObject(file) || typeof volume !== 'string' || !isOurVolume({ name: volume })) return undefined;
    const path = typeof file['path'] === 'string' ? file['path'] : '';
    return deny('ReservedMount', { container: container.name, volume, path });
  });
}

/**
 * What an object behind `envFrom` holds is not known here and may change until the container starts. Blank variables
 * win over it; those that cannot be blank are refused where the prefix shows that they are aimed at.
 */
function envFromObstacle(container: Container): Denial | undefined {
  return firstOf(container.envFrom, (source) => {
    const prefix = typeof source['prefix'] === 'string' ? source['prefix'] : '';
    const variable = prefix === '' ? undefined : absentVariableFrom(prefix);
    return variable === undefined
      ? undefined
      : deny('EnvFromReserved', { container: container.name, prefix, variable });
  });
}

const RESERVED_PORTS: ReadonlySet<unknown> = new Set(Object.values(PORT));

function portObstacle(container: Container): Denial | undefined {
  return firstOf(container.ports, (port) =>
    RESERVED_PORTS.has(port['containerPort'])
      ? deny('ReservedPort', { container: container.name, port: Number(port['containerPort']) })
      : undefined,
  );
}

function firstOf<Item>(items: readonly Item[], check: (item: Item) => Denial | undefined): Denial | undefined {
  for (const item of items) {
    const denial = check(item);
    if (denial !== undefined) return denial;
  }
  return undefined;
}
