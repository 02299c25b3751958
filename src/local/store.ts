import { isObject, type JsonObject } from '../json.ts';
import { nameOf } from '../lineage/metadata.ts';
import type { Owners } from '../lineage/owners.ts';
import { kindOf } from './samples.ts';

/** What the tour has created, in the place of an API server's storage. */
export class Store {
  readonly #objects = new Map<string, JsonObject>();

  /** Reads it as the webhook reads from an API server. */
  readonly owners: Owners = {
    read: async ({ kind, name }) => {
      const object = this.#objects.get(`${kind.resource}/${name}`);
      return object === undefined ? { kind: 'missing' } : { kind: 'found', object };
    },
    mayUse: async () => false,
  };

  put(object: JsonObject): void {
    const metadata = metadataOf(object);
    const uid = `uid-${this.#objects.size + 1}`;
    this.#objects.set(`${kindOf(object).resource}/${nameOf(object)}`, {
      ...object,
      metadata: { ...metadata, uid },
    });
  }

  /** What a controller makes of an object: from its template a pod, or the next object with the same template. */
  childOf(owner: string, apiVersion: string, kind: string, metadata: JsonObject): JsonObject {
    const parent = this.#objects.get(owner) ?? {};
    const { name, uid, annotations } = metadataOf(parent);
    const { template } = objectIn(parent, 'spec');
    const reference = { apiVersion: parent['apiVersion'], kind: parent['kind'], name, uid, controller: true };
    const pod = kind === 'Pod';
    return {
      apiVersion,
      kind,
      metadata: {
        ...metadata,
        namespace: 'agents',
        // As the Deployment controller does.
        ...(!pod && { annotations }),
        ownerReferences: [reference],
      },
      spec: pod && isObject(template) ? template['spec'] : { replicas: 1, template },
    };
  }
}

function metadataOf(object: JsonObject): JsonObject {
  return objectIn(object, 'metadata');
}

function objectIn(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isObject(value) ? value : {};
}
