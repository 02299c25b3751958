import type { JsonObject } from '../../../src/json.ts';

export const POD_SPEC = { containers: [{ name: 'app', image: 'app:1' }] };

/** A pod template with one container of this image. */
export function template(image = 'app:1', more: JsonObject = {}): JsonObject {
  return { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'app', image }], ...more } };
}

export function deployment(image = 'app:1', metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'agents', ...metadata },
    spec: { replicas: 1, template: template(image) },
  };
}

export function workload(
  apiVersion: string,
  kind: string,
  name: string,
  spec: JsonObject,
  metadata: JsonObject = {},
): JsonObject {
  return { apiVersion, kind, metadata: { name, namespace: 'agents', ...metadata }, spec };
}

export function podOf(image: string, metadata: JsonObject): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'web-1-', namespace: 'agents', ...metadata },
    spec: { containers: [{ name: 'app', image }] },
  };
}
