import { isManagedVariable, isOurVolume, isSessionContainer, replacedTokenVolume } from '../injection/ours.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import type { Place } from './place.ts';

/** Whether an item of a list is Countersign's to put there or to take out. */
export function isOurs(item: JsonObject, { ours }: Place, tokens: ReadonlySet<string>): boolean {
  const { name } = item;
  if (ours === undefined || typeof name !== 'string') return false;
  switch (ours) {
    case 'containers':
      return isSessionContainer(item);
    case 'variables':
      return isManagedVariable(name);
    case 'volumes':
    case 'mounts':
      return isOurVolume({ name }) || tokens.has(name);
  }
}

/** The volumes of tokens that Countersign takes out. */
export function tokenVolumesOf(spec: JsonObject): ReadonlySet<string> {
  const names = new Set<string>();
  for (const volume of itemsOf(spec['volumes'])) {
    const { name } = volume;
    if (typeof name === 'string' && replacedTokenVolume({ ...volume, name }) !== undefined) names.add(name);
  }
  return names;
}

/** The objects in a list; none where there is no list. */
export function itemsOf(list: Json | undefined): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter(isObject) : [];
}
