import type { PolicySpec } from './schema.ts';

/** What selection looks at in a pod. */
export interface Selectable {
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
}

/** Whether a policy attributes a pod of its namespaces. */
export function selects(pods: PolicySpec['pods'], pod: Selectable): boolean {
  if (pods.serviceAccounts !== undefined) return pods.serviceAccounts.includes(pod.serviceAccount);
  if (pods.labels !== undefined) {
    return Object.entries(pods.labels).every(
      ([key, value]) => Object.hasOwn(pod.labels, key) && pod.labels[key] === value,
    );
  }
  return true;
}
