import { WORKLOAD_KINDS, type WorkloadKind } from '../../../../src/lineage/kinds.ts';
import type { Cluster } from '../../cluster.ts';

/** An object of a kind, without anything that the kind does not need. Its pods are never made: nothing selects a node. */
export function objectOf(
  { group, versions, kind }: WorkloadKind,
  name: string,
  annotations: Readonly<Record<string, string>> = {},
): object {
  const [version = ''] = versions;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  return { apiVersion, kind, metadata: { name, annotations }, ...bodyOf(kind, name) };
}

/** The path of a namespace's objects of a kind. */
export function pathOf({ group, versions, resource }: WorkloadKind, namespace: string): string {
  const [version = ''] = versions;
  const prefix = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${prefix}/namespaces/${namespace}/${resource}`;
}

/** None of them makes a pod: no replicas, suspended, or nothing that would. */
function bodyOf(kind: string, name: string): object {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app' }] } };
  const once = { metadata: { labels }, spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app' }] } };
  const selector = { matchLabels: labels };
  switch (kind) {
    case 'ReplicationController':
      return { spec: { replicas: 0, selector: labels, template } };
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet':
      return { spec: { replicas: 0, selector, template } };
    case 'DaemonSet':
      return { spec: { selector, template } };
    case 'ControllerRevision':
      return { revision: 1, data: { spec: { template } } };
    case 'Job':
      return { spec: { suspend: true, template: once } };
    case 'CronJob':
      return { spec: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: { template: once } } } };
    case 'JobSet':
      return { spec: { replicatedJobs: [{ name: 'workers', template: { spec: { template: once } } }] } };
    case 'Sandbox':
      return { spec: { replicas: 1, podTemplate: template } };
    case 'SandboxClaim':
      return { spec: { sandboxTemplateRef: { name: 'python' } } };
    case 'AgentRun':
      return { spec: { agentRef: 'a', task: 'sum up', model: { provider: 'bedrock', model: 'm' }, timeout: '10m' } };
    default:
      throw new Error(`no object of kind ${kind} is known here`);
  }
}

/** The kinds that come with other projects. What their fields are is not checked: it does not matter here. */
const OUTSIDERS = WORKLOAD_KINDS.filter(({ group }) => group.includes('.'));

export const outsiders = {
  async install(cluster: Cluster): Promise<void> {
    const items = OUTSIDERS.map(definition);
    const list = { apiVersion: 'v1', kind: 'List', items };
    const applied = await cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(list) });
    if (applied.status !== 0) throw new Error(applied.stderr);
    const names = OUTSIDERS.map(({ group, resource }) => `crd/${resource}.${group}`);
    const wait = await cluster.kubectl(['wait', '--for=condition=Established', ...names, '--timeout=60s']);
    if (wait.status !== 0) throw new Error(wait.stderr);
  },
  async remove(cluster: Cluster): Promise<void> {
    const names = OUTSIDERS.map(({ group, resource }) => `crd/${resource}.${group}`);
    const gone = await cluster.kubectl(['delete', ...names, '--ignore-not-found', '--timeout=60s']);
    if (gone.status !== 0) throw new Error(gone.stderr);
  },
};

function definition({ group, versions, kind, resource }: WorkloadKind): object {
  const schema = {
    openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${resource}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural: resource, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema,
        subresources: { status: {} },
      })),
    },
  };
}
