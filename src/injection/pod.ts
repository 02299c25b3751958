import { Fault } from '../errors.ts';
import { isObject, type Json, type JsonObject, pointerBelow } from '../json.ts';

/**
 * A view of the parts of a raw pod that are looked at. It holds the raw objects themselves, so what is read here and
 * what the patch points at cannot differ.
 */
export interface Pod {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Undefined when the raw object has none, which decides how a patch adds one. */
  readonly rawAnnotations: JsonObject | undefined;
  readonly hasMetadata: boolean;
  readonly serviceAccount: string;
  /** The owner that controls this pod. */
  readonly controller: { readonly kind: string; readonly name: string } | undefined;
  readonly spec: JsonObject;
  readonly volumes: readonly Volume[] | undefined;
  readonly initContainers: readonly Container[] | undefined;
  /** All containers, init containers first. */
  readonly containers: readonly PlacedContainer[];
}

export interface PlacedContainer {
  readonly container: Container;
  /** Its place in the pod, as a JSON Pointer. */
  readonly pointer: string;
}

export interface Volume extends JsonObject {
  readonly name: string;
}

export interface Container {
  readonly raw: JsonObject;
  readonly name: string;
  readonly env: readonly NamedObject[] | undefined;
  readonly envFrom: readonly JsonObject[];
  readonly mounts: readonly Mount[] | undefined;
  readonly ports: readonly JsonObject[];
}

export interface NamedObject extends JsonObject {
  readonly name: string;
}

export interface Mount extends NamedObject {
  readonly mountPath: string;
}

/**
 * Reads a pod as the API server delivers it, or as a person wrote it. Null counts as absent, as it does for the API
 * server.
 *
 * @throws Fault `ReviewInvalid`, naming the path, when a part that is looked at has another type than it must: a
 * guess about a malformed pod could overlook a container
 */
export function readPod(raw: unknown): Pod {
  const pod = object(raw, 'object');
  const metadata = optional(pod['metadata'], 'metadata', object) ?? {};
  const spec = object(pod['spec'], 'spec');
  const rawAnnotations = optional(metadata['annotations'], 'metadata.annotations', strings);
  const initContainers = optional(spec['initContainers'], 'spec.initContainers', list(container));
  const containers = list(container)(spec['containers'], 'spec.containers');
  return {
    name: text(metadata['name']) ?? text(metadata['generateName']) ?? '',
    labels: optional(metadata['labels'], 'metadata.labels', strings) ?? {},
    annotations: rawAnnotations ?? {},
    rawAnnotations,
    hasMetadata: isObject(pod['metadata']),
    serviceAccount: text(spec['serviceAccountName']) ?? text(spec['serviceAccount']) ?? 'default',
    controller: controllerOf(metadata),
    spec,
    volumes: optional(spec['volumes'], 'spec.volumes', list(named)),
    initContainers,
    containers: [...placed('initContainers', initContainers ?? []), ...placed('containers', containers)],
  };
}

/** A pod template as the pod that would be made of it. @throws Fault `ReviewInvalid`, as {@link readPod} */
export function readTemplate(template: JsonObject): Pod {
  return readPod({ metadata: template['metadata'] ?? {}, spec: template['spec'] });
}

function placed(field: string, containers: readonly Container[]): PlacedContainer[] {
  return containers.map((each, index) => ({ container: each, pointer: pointerBelow(`/spec/${field}`, index) }));
}

function controllerOf(metadata: JsonObject): Pod['controller'] {
  const owners = optional(metadata['ownerReferences'], 'metadata.ownerReferences', list(object)) ?? [];
  const owner = owners.find((each) => each['controller'] === true);
  return owner && { kind: text(owner['kind']) ?? '', name: text(owner['name']) ?? '' };
}

function container(raw: unknown, path: string): Container {
  const own = named(raw, path);
  return {
    raw: own,
    name: own.name,
    env: optional(own['env'], `${path}.env`, list(named)),
    envFrom: optional(own['envFrom'], `${path}.envFrom`, list(object)) ?? [],
    mounts: optional(own['volumeMounts'], `${path}.volumeMounts`, list(mount)),
    ports: optional(own['ports'], `${path}.ports`, list(object)) ?? [],
  };
}

function mount(raw: unknown, path: string): Mount {
  const own = named(raw, path);
  if (typeof own['mountPath'] !== 'string') throw wrong(`${path}.mountPath`, 'a string');
  return own as Mount;
}

function named(raw: unknown, path: string): NamedObject {
  const own = object(raw, path);
  if (typeof own['name'] !== 'string') throw wrong(`${path}.name`, 'a string');
  return own as NamedObject;
}

function object(raw: unknown, path: string): JsonObject {
  if (!isObject(raw)) throw wrong(path, 'an object');
  return raw;
}

function strings(raw: unknown, path: string): JsonObject & Record<string, string> {
  const own = object(raw, path);
  for (const key of Object.keys(own)) {
    if (typeof own[key] !== 'string') throw wrong(`${path}.${key}`, 'a string');
  }
  return own as JsonObject & Record<string, string>;
}

function list<Item>(item: (raw: unknown, path: string) => Item): (raw: unknown, path: string) => readonly Item[] {
  return (raw, path) => {
    if (!Array.isArray(raw)) throw wrong(path, 'a list');
    return raw.map((each, index) => item(each, `${path}[${index}]`));
  };
}

function optional<Value>(
  raw: Json | undefined,
  path: string,
  read: (raw: unknown, path: string) => Value,
): Value | undefined {
  return raw === undefined || raw === null ? undefined : read(raw, path);
}

function text(raw: Json | undefined): string | undefined {
  return typeof raw === 'string' && raw !== '' ? raw : undefined;
}

function wrong(path: string, expected: string): Fault {
  return new Fault('ReviewInvalid', `request.object.${path} is not ${expected}`);
}
