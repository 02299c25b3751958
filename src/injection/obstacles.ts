import { type Denial, deny } from '../denials.ts';
import { isObject } from '../json.ts';
import { CONTAINER, PATH, PORT } from '../names.ts';
import {
  ABSENT_VARIABLES,
  cleanPath,
  isOurMount,
  isOurVolume,
  isSessionContainer,
  projectedSources,
  replacedTokenVolume,
} from './ours.ts';
import { type Container, containersOf, type Pod, type Volume } from './pod.ts';

/** Sources of credentials that an admin tolerates. */
export interface Allowances {
  readonly tokenAudiences: ReadonlySet<string>;
  readonly csiDrivers: ReadonlySet<string>;
}

/**
 * The first thing in a pod that would let somebody else into the session, give the agent a second credential, or
 * cannot stand beside what is injected; undefined when there is nothing of the kind.
 *
 * What is reached by host namespaces, privileges, capabilities and host paths is not looked for here: the namespace's
 * Pod Security level refuses it, and is kept up with Kubernetes by others.
 */
export function obstacleIn(pod: Pod, allow: Allowances): Denial | undefined {
  return (
    podObstacle(pod) ??
    firstOf(pod.volumes ?? [], (volume) => volumeObstacle(volume, allow)) ??
    firstContainerObstacle(pod)
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
  return undefined;
}

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
  for (const source of projectedSources(volume)) {
    const token = source['serviceAccountToken'];
    if (isObject(token)) {
      // Without an audience the token is one for the API server: the pod's own account, without the operator.
      const audience = token['audience'];
      if (typeof audience === 'string' && allow.tokenAudiences.has(audience)) continue;
      const what =
        typeof audience === 'string' ? `a service account token for ${audience}` : "the service account's API token";
      return deny('TokenProjection', { volume: volume.name, what });
    }
    // A pod certificate may be one that the API server takes for the pod's own account (KEP-4317).
    if (source['podCertificate'] !== undefined)
      return deny('TokenProjection', { volume: volume.name, what: 'a pod certificate' });
  }
  return undefined;
}

function firstContainerObstacle(pod: Pod): Denial | undefined {
  return firstOf([...containersOf(pod)], ({ container, pointer }) => {
    if (container.name === CONTAINER.name) {
      return pointer.startsWith('/spec/initContainers/') && isSessionContainer(container.raw)
        ? undefined
        : deny('ReservedName', { what: 'container', name: container.name });
    }
    return mountObstacle(container) ?? envFromObstacle(container) ?? portObstacle(container);
  });
}

const RESERVED_PATHS = [PATH.shared, PATH.private, PATH.tokens];

function mountObstacle(container: Container): Denial | undefined {
  return firstOf(container.mounts ?? [], (mount) => {
    if (isOurVolume(mount)) {
      // An author who mounts the private volume, or the shared one writable, would read or forge the session's files.
      return isOurMount(mount)
        ? undefined
        : deny('ReservedMount', { container: container.name, volume: mount.name, path: mount.mountPath });
    }
    const path = cleanPath(mount.mountPath);
    const covers = RESERVED_PATHS.some((reserved) => path === reserved || path.startsWith(`${reserved}/`));
    return covers ? deny('ReservedPath', { container: container.name, path: mount.mountPath }) : undefined;
  });
}

/**
 * What an object behind `envFrom` holds is not known here and may change until the container starts. Blank variables
 * win over it; those that cannot be blank are refused where the prefix shows that they are aimed at.
 */
function envFromObstacle(container: Container): Denial | undefined {
  return firstOf(container.envFrom, (source) => {
    const prefix = typeof source['prefix'] === 'string' ? source['prefix'] : '';
    const variable = prefix === '' ? undefined : ABSENT_VARIABLES.find((name) => name.startsWith(prefix));
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
