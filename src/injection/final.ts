import { isOurVolume, replacedTokenVolume } from './ours.ts';
import type { Pod } from './pod.ts';

/**
 * A pod as it is judged at the end, where two things count no longer:
 *
 * - a token volume that Countersign would drop and that no container mounts: the EKS webhooks, asked once more after us,
 *   leave theirs there, and what nobody mounts nobody reads;
 * - the order of volumes, in which others put theirs before ours.
 */
export function finalView(pod: Pod): Pod {
  if (pod.volumes === undefined) return pod;
  const mounted = new Set(
    pod.containers.flatMap(({ container }) => (container.mounts ?? []).map((mount) => mount.name)),
  );
  const volumes = pod.volumes.filter((volume) => mounted.has(volume.name) || replacedTokenVolume(volume) === undefined);
  return { ...pod, volumes: [...volumes.filter(isOurVolume), ...volumes.filter((each) => !isOurVolume(each))] };
}
