import { cleanPath } from '../injection/ours.ts';
import type { JsonObject } from '../json.ts';
import { type GroupKind, isSameKind } from './kinds.ts';
import { byKeys, KEEPS_ZERO, not, OPEN, type Place } from './place.ts';
import { CONTAINER_SECURITY, POD_SECURITY } from './security-places.ts';
import { OVERHEAD, REFERENCES, RESOURCES, VOLUME } from './volume-places.ts';

/**
 * What `containment.ts` knows about a pod's spec: how the items of its lists are told apart, where quantities are, and
 * which fields nobody may add to what a template says.
 *
 * Most may be added: by the API server, which gives defaults to pods of custom resources too, whose templates have
 * none; by admission plugins; by other webhooks, which add containers, volumes, mounts, variables, tolerations, limits.
 * Not what changes what the template's own containers run, with whose rights, and what its volumes hold:
 *
 * - to a pod: the host's namespaces, or one process namespace for all containers; to either, what loosens its security
 *   context (`security-places.ts`); another service account (`containment.ts`);
 * - to a container: image, command, arguments, working directory, hooks, commands as probes; `envFrom`, which would
 *   bring variables that nobody sees; a restart policy, which makes a sidecar of an init container, so that the
 *   application starts before it is done; a port of the host;
 * - to a variable: a value or a source; to a mount: another part of the volume, propagation; to a volume: anything but
 *   defaults (`volume-places.ts`).
 */

const CLOSED: Place = { closed: true };

const VARIABLE: Place = { closed: true, keys: { valueFrom: { closed: true, keys: REFERENCES } } };

const MOUNT: Place = {
  closed: true,
  mayAdd: (key, value) =>
    key === 'readOnly' || key === 'recursiveReadOnly' || (key === 'mountPropagation' && value === 'None'),
};

const PORT: Place = {
  // On the host's network it is a default.
  mayAdd: (key, _value, _template, spec) => key !== 'hostPort' || spec['hostNetwork'] === true,
};

const NETWORK: ReadonlySet<string> = new Set(['httpGet', 'tcpSocket', 'grpc']);
const NOTHING: ReadonlySet<string> = new Set();

/**
 * Where kubelet asks by network, in both, it may ask elsewhere: that runs nothing in a container, and Istio leads every
 * such probe and hook through its own port.
 */
function networkHandlers(pod: JsonObject, template: JsonObject): ReadonlySet<string> {
  return asksByNetwork(pod) && asksByNetwork(template) ? NETWORK : NOTHING;
}

function asksByNetwork(handler: JsonObject): boolean {
  return Object.keys(handler).some((key) => NETWORK.has(key) && (handler[key] ?? null) !== null);
}

const PROBE: Place = { leftOut: networkHandlers, mayAdd: not('exec') };
const HOOK: Place = { closed: true, leftOut: networkHandlers };

const CONTAINER: Place = {
  mayAdd: not('image', 'command', 'args', 'workingDir', 'envFrom', 'restartPolicy', 'lifecycle'),
  keys: {
    // The admission plugin AlwaysPullImages asks for more than the template.
    imagePullPolicy: { same: (pod, template) => pod === template || pod === 'Always' },
    // A variable may refer to those before it.
    env: { mergeKey: byKeys('name'), inOrder: true, each: VARIABLE, ours: 'variables' },
    envFrom: CLOSED,
    volumeMounts: { mergeKey: mountKey, each: MOUNT, ours: 'mounts' },
    volumeDevices: { mergeKey: byKeys('devicePath'), each: CLOSED },
    ports: { mergeKey: portKey, each: PORT },
    resources: { keys: { ...RESOURCES.keys, claims: { mergeKey: byKeys('name'), each: CLOSED } } },
    resizePolicy: { mergeKey: byKeys('resourceName') },
    securityContext: CONTAINER_SECURITY,
    livenessProbe: PROBE,
    readinessProbe: PROBE,
    startupProbe: PROBE,
    lifecycle: { closed: true, keys: { postStart: HOOK, preStop: HOOK } },
  },
};

/** Spelling does not make another path of it: a mount at `/data/` would lie over the one at `/data`. */
function mountKey(item: JsonObject): string | undefined {
  return typeof item['mountPath'] === 'string' ? cleanPath(item['mountPath']) : undefined;
}

function portKey({ containerPort, protocol }: JsonObject): string | undefined {
  if (typeof containerPort !== 'number') return undefined;
  return `${containerPort}/${typeof protocol === 'string' && protocol !== '' ? protocol : 'TCP'}`;
}

const POD_SPEC: Place = {
  mayAdd: not('hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'),
  // Compared together, in `containment.ts`; the third is Countersign's.
  ignored: new Set(['serviceAccountName', 'serviceAccount', 'automountServiceAccountToken']),
  keys: {
    containers: { mergeKey: byKeys('name'), each: CONTAINER },
    // They run one after the other.
    initContainers: { mergeKey: byKeys('name'), inOrder: true, each: CONTAINER, ours: 'containers' },
    ephemeralContainers: { mergeKey: byKeys('name'), each: CONTAINER },
    volumes: { mergeKey: byKeys('name'), each: VOLUME, ours: 'volumes' },
    // One without a name does nothing; charts make some of it, and the API server stores it.
    imagePullSecrets: { mergeKey: ({ name }) => (typeof name === 'string' ? name : '') },
    hostAliases: { mergeKey: byKeys('ip') },
    tolerations: { mergeKey: byKeys('key', 'operator', 'value', 'effect', 'tolerationSeconds') },
    topologySpreadConstraints: { mergeKey: byKeys('topologyKey', 'whenUnsatisfiable') },
    readinessGates: { mergeKey: byKeys('conditionType') },
    schedulingGates: { mergeKey: byKeys('name') },
    resourceClaims: { mergeKey: byKeys('name'), each: CLOSED },
    dnsConfig: { keys: { options: { mergeKey: byKeys('name'), each: CLOSED } } },
    resources: RESOURCES,
    overhead: OVERHEAD,
    securityContext: POD_SECURITY,
    hostUsers: KEEPS_ZERO,
    enableServiceLinks: KEEPS_ZERO,
    terminationGracePeriodSeconds: KEEPS_ZERO,
  },
};

/** What controllers set in the pods they make, whatever the template says. */
const BY_OWNER: readonly (GroupKind & { readonly spec: Place })[] = [
  // kubernetes `pkg/controller/statefulset/stateful_set_utils.go`, `initIdentity`
  { group: 'apps', kind: 'StatefulSet', spec: without(POD_SPEC, 'hostname', 'subdomain') },
  // kubernetes `pkg/controller/job/job_controller.go`, for pods with an index
  { group: 'batch', kind: 'Job', spec: without(POD_SPEC, 'hostname') },
  { group: 'apps', kind: 'DaemonSet', spec: ofDaemonSet() },
];

/** The place of a pod's whole spec. */
export function podSpecOf(owner: GroupKind | undefined): Place {
  return BY_OWNER.find((each) => owner !== undefined && isSameKind(each, owner))?.spec ?? POD_SPEC;
}

function without(place: Place, ...keys: readonly string[]): Place {
  return { ...place, ignored: new Set([...(place.ignored ?? []), ...keys]) };
}

/** kubernetes `pkg/controller/daemon/util/daemonset_util.go`: names the node, and tolerates its troubles for ever. */
function ofDaemonSet(): Place {
  const nodeAffinity = without(OPEN, 'requiredDuringSchedulingIgnoredDuringExecution');
  const tolerations: Place = {
    mergeKey: byKeys('key', 'operator', 'value', 'effect'),
    each: without(OPEN, 'tolerationSeconds'),
  };
  return { ...POD_SPEC, keys: { ...POD_SPEC.keys, tolerations, affinity: { keys: { nodeAffinity } } } };
}
