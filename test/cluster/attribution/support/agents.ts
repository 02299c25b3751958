import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Answer, Status } from '../../admission/support/api.ts';
import type { Person } from '../../admission/support/person.ts';
import { APP } from '../../admission/support/pods.ts';
import type { TestCluster } from '../../fixture.ts';
import { apiVersionOf, type Kind, pathOf, type Stored } from './store.ts';
import type { Manifest } from './workloads.ts';

/** Controllers of agent platforms: none runs here, so tests do with their accounts what they would. */
export const CONTROLLERS = {
  sandbox: { namespace: 'agent-sandbox-system', name: 'agent-sandbox-controller', preset: 'agent-sandbox' },
  sympozium: { namespace: 'sympozium-system', name: 'sympozium-controller-manager', preset: 'sympozium' },
  jobset: { namespace: 'jobset-system', name: 'jobset-controller-manager', preset: 'jobset' },
} as const;
export type Controller = keyof typeof CONTROLLERS;

/** The policy's entry for a controller. */
export function carrier(controller: Controller): object {
  const { preset, namespace, name } = CONTROLLERS[controller];
  return { name: controller, preset, username: `system:serviceaccount:${namespace}:${name}` };
}

/** Makes the kinds known to the API server. They stay: by themselves they do nothing. */
export async function installAgentKinds(cluster: TestCluster): Promise<void> {
  const yaml = readFileSync(join(import.meta.dirname, 'agent-crds.yaml'), 'utf8');
  const items = parseAllDocuments(yaml, { merge: true }).map((document) => document.toJS() as KubernetesObject);
  const list = { apiVersion: 'v1', kind: 'List', items };
  const applied = await cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(list) });
  if (applied.status !== 0) throw new Error(applied.stderr);
  const crds = items.filter(({ kind }) => kind === 'CustomResourceDefinition').map(({ metadata }) => metadata.name);
  const wait = ['wait', '--for=condition=Established', '--timeout=30s', ...crds.map((name) => `crd/${name}`)];
  const established = await cluster.kubectl(wait);
  if (established.status !== 0) throw new Error(established.stderr);
}

interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** An object of one of these kinds, as people or controllers write it. */
export function object(kind: Kind, metadata: object, spec: object): Manifest {
  return { apiVersion: apiVersionOf(kind), kind, metadata: { ...metadata }, spec: { ...spec } };
}

/** What makes an object the child of another one, for which its controller made it. */
export function madeFor(owner: Stored): object {
  const { apiVersion, kind, metadata } = owner;
  const { name, uid } = metadata;
  return { ownerReferences: [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }] };
}

/** What the controller of agent-sandbox makes of a Sandbox: a pod of its name, with a copy of its template. */
export function podOf(sandbox: Stored): Manifest {
  const { spec, metadata } = sandbox.spec['podTemplate'] as { spec: object; metadata?: { labels?: object } };
  const labels = { ...metadata?.labels, 'agents.x-k8s.io/sandbox-name-hash': randomUUID().slice(0, 8) };
  return object('Pod', { name: sandbox.metadata.name, labels, ...madeFor(sandbox) }, spec);
}

/** What the controller of Sympozium makes of an AgentRun: a Job of its name, with a pod spec of its own. */
export function jobOf(run: Stored): Manifest {
  const { name } = run.metadata;
  const labels = { app: name, 'sympozium.ai/agent-run': name, 'sympozium.ai/component': 'agent-run' };
  const task = String(run.spec['task']);
  const containers = [{ ...APP, name: 'agent', env: [{ name: 'TASK', value: task }] }];
  const template = { metadata: { labels }, spec: { restartPolicy: 'Never', containers } };
  return object('Job', { name, labels, ...madeFor(run) }, { backoffLimit: 0, template });
}

/** What it makes of an AgentRun that serves. */
export function deploymentOf(run: Stored): Manifest {
  const { name } = run.metadata;
  const template = { metadata: { labels: { app: name } }, spec: { containers: [{ ...APP, name: 'agent' }] } };
  const spec = { replicas: 1, selector: { matchLabels: { app: name } }, template };
  return object('Deployment', { name, ...madeFor(run) }, spec);
}

/** What the controller of JobSet makes of one of the jobs in it. */
export function replicaOf(jobSet: Stored, index: number): Manifest {
  const jobs = jobSet.spec['replicatedJobs'] as { name: string; template: { spec: { template: PodTemplate } } }[];
  const job = jobs[index];
  if (job === undefined) throw new Error(`there is no job ${index}`);
  const { template, ...rest } = job.template.spec;
  const labels = { ...template.metadata?.labels, 'jobset.sigs.k8s.io/replicatedjob-name': job.name };
  const added = { subdomain: jobSet.metadata.name, nodeSelector: { 'test/placed': 'yes' }, ...template.spec };
  return object(
    'Job',
    { name: `${jobSet.metadata.name}-${job.name}-0`, ...madeFor(jobSet) },
    { ...rest, template: { ...template, metadata: { ...template.metadata, labels }, spec: added } },
  );
}

interface PodTemplate {
  readonly metadata?: { readonly labels?: object };
  readonly spec: object;
}

/** Asks for an object over the API, as controllers do. */
export function post(who: Person, namespace: string, { kind, ...rest }: Manifest): Promise<Answer<Stored & Status>> {
  return who.api.call('POST', pathOf(kind, namespace), { body: { ...rest, kind } });
}

/** The object as stored; fails when it was refused. */
export async function made(who: Person, namespace: string, manifest: Manifest): Promise<Stored> {
  const { status, body } = await post(who, namespace, manifest);
  if (status !== 201) throw new Error(`${manifest.kind}: ${status} ${body.message}`);
  return body;
}

/** Why it is not made, from Countersign's code on; fails when it was. */
export async function notMade(who: Person, namespace: string, manifest: Manifest): Promise<string> {
  const { status, body } = await post(who, namespace, manifest);
  const [, message] =
    /^admission webhook "[a-z.-]*countersign\.dev" denied the request: (.+)$/.exec(body.message ?? '') ?? [];
  if (status !== 403 || message === undefined) throw new Error(`not refused by Countersign: ${status} ${body.message}`);
  return message;
}
