import type { WorkloadKind } from '../lineage/kinds.ts';
import { API, OBJECT } from '../names.ts';
import { PART_OF } from './part-of.ts';
import { note, type Value } from './yaml.ts';

/** What the webhook may read. */
export function webhookRole(kinds: readonly WorkloadKind[]): Value {
  const workloads = Map.groupBy(kinds, ({ group }) => group);
  // Pods stand in the core group, which has a kind of the table as well.
  const groups = new Map<string, readonly string[]>([['', ['pods']]]);
  for (const [group, same] of workloads) {
    groups.set(group, [...(groups.get(group) ?? []), ...same.map(({ resource }) => resource)]);
  }
  return note(
    `The webhook reads what governs namespaces and what made a pod, and
    writes nothing: whoever takes it over gains no right in the cluster beyond its answers to reviews. Its Secrets are
    mounted, so it may not read any through the API.`,
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: OBJECT.webhook, labels: PART_OF },
      rules: [
        { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [API.group], resources: [API.policyPlural], verbs: ['get', 'list', 'watch'] },
        note(
          'One object at a time, by the name that its child gives: the owner of a pod, and the pod that somebody enters.',
          { apiGroups: [''], resources: [...(groups.get('') ?? [])], verbs: ['get'] },
        ),
        ...[...groups].flatMap(([group, resources]) =>
          group === '' ? [] : [{ apiGroups: [group], resources: [...resources], verbs: ['get'] }],
        ),
        note('Whether somebody has one of the verbs of Countersign, such as break-glass.', {
          apiGroups: ['authorization.k8s.io'],
          resources: ['subjectaccessreviews'],
          verbs: ['create'],
        }),
      ],
    },
  );
}
