import { Person } from '../../admission/support/person.ts';
import type { TestCluster } from '../../fixture.ts';
import type { Stored } from '../../attribution/support/store.ts';

/** A controller of kube-controller-manager by a token of its own: so a test sees each answer that it gets. */
export async function carrier(cluster: TestCluster, controller: string): Promise<Person> {
  return new Person(cluster, await cluster.serviceAccountKubeconfig('kube-system', controller));
}

/** The pod that a controller makes for a workload. */
export function childOf(owner: Stored): object {
  const { apiVersion, kind, metadata, spec } = owner;
  const { name, uid } = metadata;
  const { metadata: labelled, spec: pod } = spec['template'] as { metadata: object; spec: object };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...labelled,
      generateName: `${name}-`,
      ownerReferences: [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: pod,
  };
}
