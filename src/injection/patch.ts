import { type JsonObject, type Operation, pointerBelow, sameJson } from '../json.ts';
import { ANNOTATION, CONTAINER } from '../names.ts';
import {
  applicationMounts,
  applicationVariables,
  type SessionPlan,
  sessionContainer,
  sessionVolumes,
} from './container.ts';
import { isReplacedVariable, isOurVolume, isSessionContainer, replacedTokenVolume } from './ours.ts';
import type { Container, Pod } from './pod.ts';

/**
 * The operations that make a pod the session's: what is Countersign's is taken out wherever it stands, what replaces it
 * is put in, and nothing else is touched. A pod that is already so gets none.
 *
 * Built by hand on the raw object: comparing two copies of a pod costs a hundred times as much, and sending a pod
 * through types would drop the fields they do not know.
 *
 * @param stamp the signed statement of whose pod it is; without one the pod gets none
 */
export function patchFor(pod: Pod, plan: SessionPlan, stamp?: string): Operation[] {
  const dropped = new Set(
    (pod.volumes ?? []).filter((volume) => replacedTokenVolume(volume)).map((volume) => volume.name),
  );
  const operations: Operation[] = [];
  const environment = applicationVariables(plan);
  const mounts = applicationMounts(plan);
  // Containers before the list of init containers, whose change shifts their places.
  for (const { container, pointer } of pod.containers) {
    if (isSessionContainer(container.raw)) continue;
    operations.push(
      ...editList(pointerBelow(pointer, 'env'), container.env, (entry) => isReplacedVariable(entry, plan), environment),
      ...editList(
        pointerBelow(pointer, 'volumeMounts'),
        container.mounts,
        (mount) => isOurVolume(mount) || dropped.has(mount.name),
        mounts,
      ),
    );
  }
  operations.push(
    // Never written anew: that would put the init containers back to what they were before the edits above.
    ...editItems('/spec/initContainers', rawOf(pod.initContainers), isSessionContainer, [sessionContainer(plan)]),
    ...editList(
      '/spec/volumes',
      pod.volumes,
      (volume) => isOurVolume(volume) || dropped.has(volume.name),
      sessionVolumes(plan),
    ),
  );
  // The pod's own token is then mounted by nobody, not even into containers that a later webhook adds.
  if (pod.spec['automountServiceAccountToken'] !== false) {
    operations.push({ op: 'add', path: '/spec/automountServiceAccountToken', value: false });
  }
  operations.push(...annotationEdits(pod, stamp));
  return operations;
}

function rawOf(containers: readonly Container[] | undefined): readonly JsonObject[] | undefined {
  return containers?.map((container) => container.raw);
}

/**
 * Makes a list begin with `ours`, followed by what was in it and is not replaced, in one of two ways: the list is
 * written anew where that names fewer items than taking out and putting in would, as with the variables of most
 * containers, for which an operation each makes the answer twice as long.
 */
function editList<Item extends JsonObject>(
  path: string,
  items: readonly Item[] | undefined,
  isReplaced: (item: Item) => boolean,
  ours: readonly JsonObject[],
): Operation[] {
  if (items === undefined) return [{ op: 'add', path, value: ours }];
  const kept = items.filter((item) => !isReplaced(item));
  const edits = items.length - kept.length + ours.length;
  if (edits <= Math.min(kept.length, MAX_EDITS)) return editItems(path, items, isReplaced, ours);
  const value = [...ours, ...kept];
  return sameJson(value, items) ? [] : [{ op: 'replace', path, value }];
}

/**
 * The API server copies a list for each operation on one of its items: a list of 20,000 variables, taken out one by one
 * at the wish of whoever wrote the pod, kept it busy for ten seconds.
 */
const MAX_EDITS = 64;

/**
 * Takes out and puts in item by item, and touches nothing of the items that stay. In front, because init containers run
 * in order and because a variable can refer only to those before it.
 */
function editItems<Item extends JsonObject>(
  path: string,
  items: readonly Item[] | undefined,
  isReplaced: (item: Item) => boolean,
  ours: readonly JsonObject[],
): Operation[] {
  if (items === undefined) return [{ op: 'add', path, value: ours }];
  const replaced = items.flatMap((item, index) => (isReplaced(item) ? [index] : []));
  const inPlace = replaced.length === ours.length && ours.every((own, index) => sameJson(own, items[index]));
  if (inPlace) return [];
  return [
    ...replaced.toReversed().map((index): Operation => ({ op: 'remove', path: pointerBelow(path, index) })),
    ...ours.toReversed().map((value): Operation => ({ op: 'add', path: pointerBelow(path, 0), value })),
  ];
}

/**
 * Puts the stamp there and takes out others, which no pod brings along, and tells the EKS Pod Identity webhook to leave
 * every container alone: where it finds its variables taken it still mounts the base token, which would be a second
 * mechanism.
 */
function annotationEdits(pod: Pod, stamp: string | undefined): Operation[] {
  const wanted = {
    [ANNOTATION.eksSkipContainers]: skippedContainers(pod),
    [ANNOTATION.stamp]: stamp,
    [ANNOTATION.custody]: undefined,
    [ANNOTATION.restamp]: undefined,
  };
  return editAnnotations(pod.hasMetadata ? (pod.rawAnnotations ?? 'no annotations') : 'no metadata', wanted);
}

/**
 * The operations that give annotations these values, and take out those without one.
 *
 * @param present as they stand in the object, or what is missing for them to stand in
 */
export function editAnnotations(
  present: JsonObject | 'no annotations' | 'no metadata',
  wanted: Readonly<Record<string, string | undefined>>,
): Operation[] {
  if (typeof present === 'string') {
    const value = Object.fromEntries(Object.entries(wanted).filter(([, each]) => each !== undefined)) as JsonObject;
    if (Object.keys(value).length === 0) return [];
    return [
      ...(present === 'no metadata' ? [{ op: 'add', path: '/metadata', value: {} } as const] : []),
      { op: 'add', path: '/metadata/annotations', value },
    ];
  }
  return Object.entries(wanted).flatMap(([name, value]): Operation[] => {
    const path = pointerBelow('/metadata/annotations', name);
    if (value === undefined) return Object.hasOwn(present, name) ? [{ op: 'remove', path }] : [];
    return present[name] === value ? [] : [{ op: 'add', path, value }];
  });
}

/** The containers that the author excepts, and all others. */
function skippedContainers(pod: Pod): string {
  const names = new Set<string>();
  const present = pod.annotations[ANNOTATION.eksSkipContainers];
  for (const name of present?.split(',') ?? []) if (name.trim() !== '') names.add(name.trim());
  names.add(CONTAINER.name);
  for (const { container } of pod.containers) names.add(container.name);
  return [...names].join(',');
}
