import {
  type AdmissionregistrationV1Api,
  type CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1ObjectMeta,
} from '@kubernetes/client-node';
import { Fault } from '../../errors.ts';
import { OBJECT } from '../../names.ts';
import { type ApiFailure, apiFailure } from '../client.ts';
import type { Change, Outcome, SecretData, SecretPatch } from './change.ts';
import type { WebhookConfiguration, WebhookPatch } from './configuration.ts';
import { withoutPathSecrets } from './path-secret.ts';
import type { ConfigMapData, ConfigMapPatch } from './stamp-keys.ts';

/**
 * The objects that `bootstrap` may touch, each read and patched by name: its RBAC has neither `list` nor `create`,
 * which names cannot limit. Patches rather than updates, so that fields which this client library does not know, or
 * which others write meanwhile, stay as they are.
 */
export interface LiveObject<Value, Patch> {
  /** For people: kind and name. */
  readonly title: string;
  read(): Promise<Version<Value>>;
  /** Fails with 409 when the object is no longer at `resourceVersion`. */
  patch(resourceVersion: string, patch: Patch): Promise<Version<Value>>;
}

export interface Version<Value> {
  readonly resourceVersion: string;
  readonly value: Value;
}

const fieldManager = 'countersign-bootstrap';
const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
const strategicMergePatch = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);

/** A Secret in Countersign's namespace. */
export function liveSecret(
  api: CoreV1Api,
  name: string,
  namespace: string = OBJECT.namespace,
): LiveObject<SecretData, SecretPatch> {
  const decode = (secret: { metadata?: V1ObjectMeta; data?: Record<string, string> }) =>
    version(
      secret.metadata,
      mapValues(secret.data ?? {}, (value) => Buffer.from(value, 'base64').toString()),
    );
  return {
    title: `Secret ${namespace}/${name}`,
    read: async () => decode(await api.readNamespacedSecret({ name, namespace })),
    patch: async (resourceVersion, patch) => {
      const data = mapValues(patch, (value) => (value === null ? null : Buffer.from(value).toString('base64')));
      const body = { metadata: { resourceVersion }, data };
      return decode(await api.patchNamespacedSecret({ name, namespace, body, fieldManager }, mergePatch));
    },
  };
}

/** A ConfigMap in Countersign's namespace. */
export function liveConfigMap(
  api: CoreV1Api,
  name: string,
  namespace: string = OBJECT.namespace,
): LiveObject<ConfigMapData, ConfigMapPatch> {
  const decode = ({ metadata, data }: { metadata?: V1ObjectMeta; data?: Record<string, string> }) =>
    version<ConfigMapData>(metadata, data ?? {});
  return {
    title: `ConfigMap ${namespace}/${name}`,
    read: async () => decode(await api.readNamespacedConfigMap({ name, namespace })),
    patch: async (resourceVersion, data) => {
      const body = { metadata: { resourceVersion }, data };
      return decode(await api.patchNamespacedConfigMap({ name, namespace, body, fieldManager }, mergePatch));
    },
  };
}

type Configurations = LiveObject<WebhookConfiguration, WebhookPatch>;

export function liveMutating(api: AdmissionregistrationV1Api): Configurations {
  const name = OBJECT.mutatingConfiguration;
  return liveConfiguration(
    `MutatingWebhookConfiguration ${name}`,
    () => api.readMutatingWebhookConfiguration({ name }),
    (body) => api.patchMutatingWebhookConfiguration({ name, body, fieldManager }, strategicMergePatch),
  );
}

export function liveValidating(api: AdmissionregistrationV1Api): Configurations {
  const name = OBJECT.validatingConfiguration;
  return liveConfiguration(
    `ValidatingWebhookConfiguration ${name}`,
    () => api.readValidatingWebhookConfiguration({ name }),
    (body) => api.patchValidatingWebhookConfiguration({ name, body, fieldManager }, strategicMergePatch),
  );
}

function liveConfiguration(
  title: string,
  read: () => Promise<Partial<WebhookConfiguration> & { metadata?: V1ObjectMeta }>,
  write: (body: object) => Promise<Partial<WebhookConfiguration> & { metadata?: V1ObjectMeta }>,
): Configurations {
  const decode = ({ metadata, webhooks }: Awaited<ReturnType<typeof read>>) =>
    version(metadata, { webhooks: webhooks ?? [] });
  return {
    title,
    read: async () => decode(await read()),
    patch: async (resourceVersion, patch) => decode(await write({ metadata: { resourceVersion }, ...patch })),
  };
}

/** Conflicts mean that somebody else got on, so a handful is plenty. */
const ATTEMPTS = 10;

export interface Amended<Value> {
  readonly value: Value;
  readonly outcome: Outcome;
  readonly because?: string;
}

/**
 * Reads an object, lets `plan` decide and writes the change, unless the object changed in between: then everything is
 * decided anew. What `plan` reads of other objects is therefore never older than the object that it decides about.
 *
 * @throws Fault `BootstrapFailed`, naming the object and the next step
 */
export async function amend<Value, Patch>(
  object: LiveObject<Value, Patch>,
  plan: (value: Value) => Change<Patch> | undefined | Promise<Change<Patch> | undefined>,
): Promise<Amended<Value>> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { resourceVersion, value } = await reaching(object, () => object.read());
    const change = await plan(value);
    if (change === undefined) return { value, outcome: 'unchanged' };
    const { outcome, because } = change;
    const written = await reaching(object, () => unlessConflict(object.patch(resourceVersion, change.patch)));
    if (written !== undefined) return { value: written.value, outcome, because };
  }
  throw failed(object.title, `changed ${ATTEMPTS} times while this ran`, 'see who else writes it, then run this again');
}

/** Reads an object's present value, with the same faults as {@link amend}. */
export async function readValue<Value>(object: LiveObject<Value, never>): Promise<Value> {
  return (await reaching(object, () => object.read())).value;
}

async function unlessConflict<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (apiFailure(error).status === 409) return undefined;
    throw error;
  }
}

async function reaching<T>({ title }: { readonly title: string }, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    // Without the cause: the library's error holds the answer's body and headers, and whoever prints causes would
    // print a path that the API server quotes.
    const failure = apiFailure(error);
    throw failed(title, withoutPathSecrets(failure.text), nextStep(failure));
  }
}

function nextStep({ status }: ApiFailure): string {
  if (status === 404) return 'apply the manifests (kubectl apply -k manifests), then run this again';
  if (status === 401 || status === 403)
    return 'run this as service account countersign-bootstrap or as a cluster admin';
  if (status === undefined || status >= 500) return 'check that the API server can be reached, then run this again';
  return 'put the object right, or delete it and apply the manifests, then run this again';
}

function failed(title: string, what: string, next: string): Fault {
  return new Fault('BootstrapFailed', `${title}: ${what}. Next: ${next}`);
}

function version<Value>(metadata: V1ObjectMeta | undefined, value: Value): Version<Value> {
  return { resourceVersion: metadata?.resourceVersion ?? '', value };
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
