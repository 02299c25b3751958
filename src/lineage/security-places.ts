import { isObject, type Json, sameJson } from '../json.ts';
import { KEEPS_ZERO, type Place } from './place.ts';

/**
 * Security contexts may be tightened by others, as policy engines and the platform do, and not loosened. What is not
 * known here counts as loosening.
 */

const NOT_ROOT = (value: Json): boolean => typeof value === 'number' && value > 0;
const ANY = (): boolean => true;
const RUNTIME_DEFAULT: Place = { closed: true, mayAdd: (key, value) => key === 'type' && value === 'RuntimeDefault' };

/** Additions to a pod's or a container's security context that take rights away, or give none that matter. */
const TIGHTENING: Readonly<Record<string, (value: Json) => boolean>> = {
  allowPrivilegeEscalation: (value) => value === false,
  privileged: (value) => value === false,
  procMount: (value) => value === 'Default',
  readOnlyRootFilesystem: ANY,
  runAsNonRoot: (value) => value === true,
  // OpenShift gives each namespace numbers of its own.
  runAsUser: NOT_ROOT,
  runAsGroup: NOT_ROOT,
  fsGroup: NOT_ROOT,
  fsGroupChangePolicy: ANY,
  supplementalGroups: (value) => Array.isArray(value) && value.every(NOT_ROOT),
  supplementalGroupsPolicy: ANY,
  seLinuxChangePolicy: ANY,
  // What is in these is looked at key by key.
  seLinuxOptions: ANY,
  seccompProfile: ANY,
  appArmorProfile: ANY,
  capabilities: ANY,
};

const KEYS: Readonly<Record<string, Place>> = {
  seLinuxOptions: { closed: true, mayAdd: (key) => key === 'level' },
  seccompProfile: RUNTIME_DEFAULT,
  appArmorProfile: RUNTIME_DEFAULT,
  capabilities: { closed: true, mayAdd: (key) => key === 'drop' },
};

function isTightening(key: string, value: Json): boolean {
  return Object.hasOwn(TIGHTENING, key) && (TIGHTENING[key]?.(value) ?? false);
}

export const POD_SECURITY: Place = { closed: true, each: KEEPS_ZERO, keys: KEYS, mayAdd: isTightening };

export const CONTAINER_SECURITY: Place = {
  closed: true,
  each: KEEPS_ZERO,
  keys: KEYS,
  mayAdd: (key, value, _, spec) => {
    // What a container says goes over what the template's pod says for all of them.
    const ofPod = isObject(spec['securityContext']) ? (spec['securityContext'][key] ?? undefined) : undefined;
    return isTightening(key, value) && (ofPod === undefined || sameJson(ofPod, value));
  },
};
