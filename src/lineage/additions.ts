import { cleanPath, isManagedVariable, isOurVolume, isSessionContainer } from '../injection/ours.ts';
import { isObject, type JsonObject } from '../json.ts';
import { itemsOf, tokenVolumesOf } from './managed.ts';

/**
 * Whether a controller may still be making pods of another template than the one that stands in an object: it has not
 * said yet that it has seen the present one. It makes hundreds of pods from one copy of its object, so that this can be
 * so for seconds.
 */
export function mayBeBehind({ metadata, status }: JsonObject): boolean {
  const generation = isObject(metadata) ? metadata['generation'] : undefined;
  const seen = isObject(status) ? (status['observedGeneration'] ?? 0) : 0;
  // The first generation has no other before it. What does not count generations cannot be asked.
  return typeof generation === 'number' && generation > 1 && generation !== seen;
}

/**
 * The first thing in a pod that runs, or that decides what runs, and that its template does not have, as a path. What
 * Countersign manages, and the token of the service account, are left out.
 */
export function additionTo(template: JsonObject, pod: JsonObject): string | undefined {
  const tokens = tokenVolumesOf(pod);
  for (const field of ['initContainers', 'containers'] as const) {
    const own = itemsOf(template[field]);
    for (const container of itemsOf(pod[field])) {
      if (isSessionContainer(container)) continue;
      const name = text(container['name']);
      const found = own.find((each) => each['name'] === name);
      const path = `${field}[${name}]`;
      if (found === undefined) return path;
      const inside = additionIn(found, container, tokens);
      if (inside !== undefined) return `${path}.${inside}`;
    }
  }
  return undefined;
}

function additionIn(own: JsonObject, container: JsonObject, tokens: ReadonlySet<string>): string | undefined {
  const variables = new Set(itemsOf(own['env']).map(({ name }) => name));
  for (const { name } of itemsOf(container['env'])) {
    if (!isManagedVariable(text(name)) && !variables.has(name)) return `env[${text(name)}]`;
  }
  const paths = new Set(itemsOf(own['volumeMounts']).map(({ mountPath }) => cleanPath(text(mountPath))));
  for (const { name, mountPath } of itemsOf(container['volumeMounts'])) {
    const managed = isOurVolume({ name: text(name) }) || tokens.has(text(name));
    if (!managed && !paths.has(cleanPath(text(mountPath)))) return `volumeMounts[${text(mountPath)}]`;
  }
  return undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
