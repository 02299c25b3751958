import type { WorkloadKind } from '../lineage/kinds.ts';
import type { Value } from './yaml.ts';

/** One entry of `rules`: what of the API is meant. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly operations: readonly string[];
  readonly resources: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster';
}

export const POD_CREATION: Rule = {
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['CREATE'],
  resources: ['pods'],
  scope: 'Namespaced',
};

/** What leads into a running pod, or changes how it runs. */
export const WAYS_INTO_PODS: readonly Rule[] = [
  {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['CONNECT'],
    resources: ['pods/exec', 'pods/attach', 'pods/portforward'],
    scope: 'Namespaced',
  },
  {
    apiGroups: [''],
    apiVersions: ['v1'],
    operations: ['UPDATE'],
    resources: ['pods/ephemeralcontainers', 'pods/resize'],
    scope: 'Namespaced',
  },
];

export const NAMESPACES: Rule = {
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['CREATE', 'UPDATE'],
  resources: ['namespaces'],
  scope: 'Cluster',
};

/** Rules for every kind: one for each group, or more where the versions of its kinds differ. */
export function rulesFor(
  kinds: readonly WorkloadKind[],
  operations: readonly string[],
  resourcesOf: (resource: string) => readonly string[] = (resource) => [resource],
): readonly Rule[] {
  const groups = Map.groupBy(kinds, ({ group, versions }) => JSON.stringify([group, versions]));
  return [...groups.values()].map((same) => ({
    apiGroups: [same[0]?.group ?? ''],
    apiVersions: same[0]?.versions ?? [],
    operations,
    resources: same.flatMap(({ resource }) => resourcesOf(resource)),
    scope: 'Namespaced',
  }));
}

export function ruleValues(rules: readonly Rule[]): Value {
  return rules.map((rule) => ({ ...rule }));
}
