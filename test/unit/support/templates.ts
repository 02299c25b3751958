import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/json.ts';

/** Where a value stands: keys and places in lists. */
export type Path = readonly (string | number)[];

const word = fc.stringMatching(/^[a-z]{1,6}$/);
const text = fc.stringMatching(/^[a-zA-Z0-9$()/ .=-]{1,12}$/);
const some = fc.integer({ min: 1, max: 60_000 });

function named<Value extends object>(item: fc.Arbitrary<Value>, maxLength = 3) {
  return fc
    .uniqueArray(fc.tuple(word, item), { minLength: 1, maxLength, selector: ([name]) => name })
    .map((items) => items.map(([name, more]) => ({ name, ...more })));
}

function sometimes<Value>(shape: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }) {
  return fc.record(shape, { requiredKeys: [] });
}

const exec = fc.record({ exec: fc.record({ command: fc.array(text, { minLength: 1, maxLength: 3 }) }) });
const probe = fc.tuple(exec, sometimes({ periodSeconds: some, timeoutSeconds: some })).map(merged);
const quantity = fc.constantFrom('1', '250m', '1Gi', '1.5G', '1e3');

const source = fc.oneof(
  fc.record({ emptyDir: fc.record({ medium: fc.constant('Memory'), sizeLimit: quantity }) }),
  fc.record({ configMap: fc.record({ name: word, items: fc.array(fc.record({ key: word, path: word }), ITEMS()) }) }),
  fc.record({ secret: fc.record({ secretName: word, optional: fc.constant(true) }) }),
  fc.record({ hostPath: fc.record({ path: text }) }),
  fc.record({
    projected: fc.record({ sources: fc.array(fc.record({ secret: fc.record({ name: word }) }), ITEMS()) }),
  }),
);

function ITEMS() {
  return { minLength: 1, maxLength: 3 };
}

const variable = fc.oneof(
  fc.record({ value: text }),
  fc.record({ valueFrom: fc.record({ secretKeyRef: fc.record({ name: word, key: word }) }) }),
  fc.record({ valueFrom: fc.record({ resourceFieldRef: fc.record({ resource: text, divisor: quantity }) }) }),
);

const container = fc
  .tuple(
    fc.record({ image: text }),
    sometimes({
      command: fc.array(text, ITEMS()),
      args: fc.array(text, ITEMS()),
      workingDir: text,
      env: named(variable.map((each) => each as object)),
      envFrom: fc.array(fc.record({ configMapRef: fc.record({ name: word }) }), ITEMS()),
      ports: fc.uniqueArray(fc.record({ containerPort: some, protocol: fc.constantFrom('TCP', 'UDP') }), {
        ...ITEMS(),
        selector: ({ containerPort }) => containerPort,
      }),
      volumeMounts: fc
        .uniqueArray(word, ITEMS())
        .chain((paths) => fc.tuple(...paths.map((path) => mountAt(`/${path}`)))),
      resources: fc.record({ requests: fc.record({ cpu: quantity }), limits: fc.record({ memory: quantity }) }),
      securityContext: sometimes({
        runAsUser: fc.integer({ min: 0, max: 9 }),
        privileged: fc.boolean(),
        allowPrivilegeEscalation: fc.boolean(),
        capabilities: fc.record({ drop: fc.array(word, ITEMS()) }),
      }),
      livenessProbe: probe,
      lifecycle: fc.record({ preStop: exec }),
    }),
  )
  .map(merged);

function mountAt(mountPath: string) {
  return fc.record({ name: word, mountPath: fc.constant(mountPath), subPath: word });
}

function merged([one, other]: readonly [object, object]): object {
  return { ...one, ...other };
}

/** Pod specs of templates, without what Countersign manages and without what stands for nothing. */
export const templates: fc.Arbitrary<JsonObject> = fc
  .tuple(
    fc.record({ containers: named(container) }),
    sometimes({
      initContainers: named(container),
      volumes: named(source.map((each) => each as object)),
      serviceAccountName: fc.constant('agent'),
      restartPolicy: fc.constantFrom('Always', 'Never'),
      hostNetwork: fc.constant(true),
      terminationGracePeriodSeconds: fc.integer({ min: 0, max: 60 }),
      nodeSelector: fc.dictionary(word, word, { minKeys: 1, maxKeys: 2 }),
      tolerations: fc.uniqueArray(fc.record({ key: word, operator: fc.constant('Exists'), effect: word }), {
        ...ITEMS(),
        selector: ({ key }) => key,
      }),
      hostAliases: fc.array(fc.record({ ip: fc.constant('10.0.0.1'), hostnames: fc.array(word, ITEMS()) }), {
        minLength: 1,
        maxLength: 1,
      }),
      affinity: fc.record({
        podAntiAffinity: fc.record({
          preferredDuringSchedulingIgnoredDuringExecution: fc.array(fc.record({ weight: some }), ITEMS()),
        }),
      }),
    }),
  )
  .map((parts) => merged(parts) as JsonObject);

/** Every string, number and boolean. */
export function leavesOf(value: Json | undefined, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  return Object.entries(value).flatMap(([key, each]) =>
    leavesOf(each as Json, [...at, Array.isArray(value) ? Number(key) : key]),
  );
}

/** The template with another value at one place. */
export function changed(template: JsonObject, path: Path): JsonObject {
  return withParent(template, path, (parent, key) => {
    const value = parent[key];
    if (typeof value === 'string') parent[key] = `${value}x`;
    else parent[key] = typeof value === 'number' ? value + 1 : !(value as boolean);
  });
}

/** The template without the value at one place; the other items of a list move up. */
export function dropped(template: JsonObject, path: Path): JsonObject {
  return withParent(template, path, (parent, key) => {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  });
}

function withParent(
  template: JsonObject,
  path: Path,
  edit: (parent: Record<string | number, unknown>, key: string | number) => void,
): JsonObject {
  const copy = structuredClone(template);
  let parent = copy as unknown as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
  edit(parent, path.at(-1) ?? '');
  return copy;
}

interface Row {
  readonly [key: string]: unknown;
  readonly env?: readonly object[];
  readonly volumeMounts?: readonly object[];
}

interface Spec {
  readonly [key: string]: unknown;
  readonly containers?: readonly Row[];
  readonly initContainers?: readonly Row[];
  readonly volumes?: readonly object[];
  readonly tolerations?: readonly object[];
}

/** What the API server and other webhooks add to a pod. */
export function withExtras(template: JsonObject): JsonObject {
  const spec = template as Spec;
  const mesh = { name: 'mesh-proxy', image: 'mesh:1', command: ['proxy'], securityContext: { privileged: true } };
  return {
    ...spec,
    schedulerName: 'default-scheduler',
    priority: 0,
    containers: [mesh, ...(spec.containers ?? []).map(more)],
    initContainers: [mesh, ...(spec.initContainers ?? []).map(more)],
    volumes: [{ name: 'mesh-data', emptyDir: {} }, ...(spec.volumes ?? [])],
    tolerations: [...(spec.tolerations ?? []), { key: 'mesh', operator: 'Exists' }],
  } as unknown as JsonObject;
}

function more(container: Row): Row {
  return {
    ...container,
    terminationMessagePath: '/dev/termination-log',
    env: [{ name: 'MESH_NODE', value: 'n' }, ...(container.env ?? [])],
    volumeMounts: [...(container.volumeMounts ?? []), { name: 'mesh-data', mountPath: '/var/mesh' }],
  };
}

/** A template's pod spec with one of most things. */
export const TEMPLATE = {
  serviceAccountName: 'agent',
  restartPolicy: 'Always',
  securityContext: { runAsNonRoot: true },
  nodeSelector: { disk: 'ssd' },
  tolerations: [
    { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 },
  ],
  volumes: [
    { name: 'data', emptyDir: {} },
    { name: 'cache', emptyDir: { sizeLimit: '1Gi' } },
    { name: 'tools', configMap: { name: 'tools' } },
    { name: 'parts', projected: { sources: [{ secret: { name: 'keys' } }, { configMap: { name: 'more' } }] } },
  ],
  initContainers: [
    { name: 'first', image: 'i:1', command: ['fetch'] },
    { name: 'second', image: 'i:2' },
  ],
  containers: [
    {
      name: 'app',
      image: 'app:1',
      imagePullPolicy: 'IfNotPresent',
      args: ['run', '--safe'],
      env: [
        { name: 'HOME', value: '/data' },
        { name: 'TASKS', value: '$(HOME)/tasks' },
        { name: 'BLANK' },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } },
      ],
      envFrom: [{ configMapRef: { name: 'settings' } }],
      ports: [{ containerPort: 8080 }],
      resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: 1 } },
      securityContext: { capabilities: { drop: ['ALL'] }, allowPrivilegeEscalation: false },
      livenessProbe: { exec: { command: ['check'] }, periodSeconds: 10 },
      readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
      lifecycle: { preStop: { exec: { command: ['drain'] } } },
      volumeMounts: [
        { name: 'data', mountPath: '/data' },
        { name: 'tools', mountPath: '/tools', readOnly: true },
      ],
    },
    { name: 'bare', image: 'bare:1' },
  ],
} as const satisfies JsonObject;

/** In an edit: take this out. */
export const GONE = Symbol('gone');

/**
 * A pod spec with other values at paths such as `containers/0/image`. In a list, `-` is the place behind the last item
 * and `^` the one before the first.
 */
export type Edits = Readonly<Record<string, Json | typeof GONE>>;

export function edited(spec: JsonObject, edits: Edits): JsonObject {
  const copy = structuredClone(spec) as Record<string, unknown>;
  for (const [path, value] of Object.entries(edits)) {
    const keys = path.split('/');
    const last = keys.pop() ?? '';
    edit(
      keys.reduce<unknown>((parent, key) => (parent as Record<string, unknown>)[key], copy),
      last,
      value,
    );
  }
  return copy as JsonObject;
}

function edit(parent: unknown, key: string, value: Json | typeof GONE): void {
  if (Array.isArray(parent)) {
    if (key === '-') parent.push(value);
    else if (key === '^') parent.unshift(value);
    else if (value === GONE) parent.splice(Number(key), 1);
    else parent[Number(key)] = value;
    return;
  }
  const object = parent as Record<string, unknown>;
  if (value === GONE) delete object[key];
  else object[key] = value;
}
