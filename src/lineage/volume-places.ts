import type { Json } from '../json.ts';
import { nanosOf } from '../policy/quantity.ts';
import { only, type Place } from './place.ts';

/** Kubernetes API reference, "Quantity": `1Gi`, `1024Mi` and 1073741824 are one. */
export const QUANTITY: Place = {
  same: (pod, template) => {
    if (pod === template) return true;
    const value = nanos(template);
    return value !== undefined && value === nanos(pod);
  },
};

function nanos(value: Json | undefined): bigint | undefined {
  return typeof value === 'string' || typeof value === 'number' ? nanosOf(String(value)) : undefined;
}

const QUANTITIES: Place = { each: QUANTITY };

/** Requests and limits of a container, a pod or a claim. */
export const RESOURCES: Place = { keys: { requests: QUANTITIES, limits: QUANTITIES } };

export const OVERHEAD: Place = QUANTITIES;

/** Where a variable or a file gets its content from. */
export const REFERENCES: Readonly<Record<string, Place>> = {
  fieldRef: { closed: true, mayAdd: only('apiVersion', 'v1') },
  resourceFieldRef: {
    closed: true,
    keys: { divisor: QUANTITY },
    // How the API server writes that there is none.
    mayAdd: (key, value) => key === 'divisor' && (value === '0' || value === '1'),
  },
};

/** kubernetes `pkg/apis/core/v1/defaults.go`, here and below. */
const FILES: Place = { closed: true, mayAdd: only('defaultMode', 0o644) };
const DOWNWARD_API: Place = {
  ...FILES,
  keys: { items: { closed: true, each: { closed: true, keys: REFERENCES } } },
};

/** A source must not gain anything but defaults: other keys of a Secret, or another Secret, may hold other programs. */
export const VOLUME: Place = {
  closed: true,
  keepsEmpty: true,
  keys: {
    emptyDir: { closed: true, keys: { sizeLimit: QUANTITY } },
    secret: FILES,
    configMap: FILES,
    downwardAPI: DOWNWARD_API,
    projected: {
      ...FILES,
      keys: {
        sources: {
          each: {
            closed: true,
            keepsEmpty: true,
            keys: {
              downwardAPI: DOWNWARD_API,
              serviceAccountToken: { closed: true, mayAdd: only('expirationSeconds', 3600) },
            },
          },
        },
      },
    },
    ephemeral: {
      closed: true,
      keys: {
        volumeClaimTemplate: {
          closed: true,
          keys: { spec: { closed: true, mayAdd: only('volumeMode', 'Filesystem'), keys: { resources: RESOURCES } } },
        },
      },
    },
    image: { closed: true, mayAdd: (key) => key === 'pullPolicy' },
    iscsi: { closed: true, mayAdd: only('iscsiInterface', 'default') },
    rbd: withDefaults({ pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' }),
    azureDisk: withDefaults({ cachingMode: 'ReadWrite', fsType: 'ext4', kind: 'Shared' }),
    scaleIO: withDefaults({ storageMode: 'ThinProvisioned', fsType: 'xfs' }),
  },
};

function withDefaults(defaults: Readonly<Record<string, string>>): Place {
  return { closed: true, mayAdd: (key, value) => Object.hasOwn(defaults, key) && defaults[key] === value };
}
