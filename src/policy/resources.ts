import type { Problem } from './compile.ts';
import { canonicalQuantity, quantityOf } from './quantity.ts';
import type { PolicySpec } from './schema.ts';

/**
 * Requests and limits of the session container. Explicit, because LimitRanger's defaults come too early for an injected
 * container and ResourceQuota refuses one without. 64 MiB were enough under load, 48 MiB were not.
 */
const DEFAULT_RESOURCES = {
  requests: { cpu: '10m', memory: '40Mi' },
  limits: { cpu: '500m', memory: '128Mi' },
} as const;

/** Quantities by resource. */
export type Quantities = Readonly<Record<string, string>>;

/** The session container's resources: the policy's, over the defaults. */
export function resourcesOf(session: PolicySpec['session']): { requests: Quantities; limits: Quantities } {
  return {
    requests: { ...DEFAULT_RESOURCES.requests, ...given(session.resources?.requests) },
    limits: { ...DEFAULT_RESOURCES.limits, ...given(session.resources?.limits) },
  };
}

/** What the API server would refuse in every pod: a request above its limit. */
export function resourceProblems(session: PolicySpec['session']): Problem[] {
  const { requests, limits } = resourcesOf(session);
  return Object.entries(requests).flatMap(([resource, request]) => {
    const limit = limits[resource];
    if (limit === undefined || quantityOf(request) <= quantityOf(limit)) return [];
    const message = `the request of ${request} (given or default) is above the limit of ${limit}; set both`;
    return [{ path: `spec.session.resources.limits.${resource}`, message }];
  });
}

function given(quantities: Readonly<Record<string, string | undefined>> | undefined): Quantities {
  return Object.fromEntries(
    Object.entries(quantities ?? {}).flatMap(([resource, value]) =>
      value === undefined ? [] : [[resource, canonicalQuantity(value)]],
    ),
  );
}
