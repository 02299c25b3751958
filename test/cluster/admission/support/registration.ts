import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { OBJECT, WEBHOOKS } from '../../../../src/names.ts';
import type { Cluster } from '../../cluster.ts';
import { until } from '../../until.ts';
import type { Api } from './api.ts';

interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig: object }[];
}

const root = join(import.meta.dirname, '../../../..');

/** What of `manifests/` the webhook needs around it, while it runs as a process of the test and not as a Deployment. */
const SURROUNDINGS = new Set(['Namespace', 'CustomResourceDefinition', 'ServiceAccount']);
const RBAC = new Set(['ClusterRole', 'ClusterRoleBinding']);

const CONFIGURATIONS = [
  {
    kind: 'MutatingWebhookConfiguration',
    path: `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations`,
    name: OBJECT.mutatingConfiguration,
  },
  {
    kind: 'ValidatingWebhookConfiguration',
    path: `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations`,
    name: OBJECT.validatingConfiguration,
  },
] as const;

let objects: Promise<readonly KubernetesObject[]> | undefined;

/** The objects of `manifests/`, as kustomize renders them. */
function rendered(cluster: Cluster): Promise<readonly KubernetesObject[]> {
  objects ??= render(cluster);
  return objects;
}

async function render(cluster: Cluster): Promise<readonly KubernetesObject[]> {
  const { status, stdout, stderr } = await cluster.kubectl(['kustomize', join(root, 'manifests')]);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
}

/**
 * Applies the namespace, the CRD, and the webhook's service account with its rights. They stay: by themselves they do
 * nothing, and other files apply the same.
 */
export async function installSurroundings(cluster: Cluster): Promise<void> {
  const needed = (await rendered(cluster)).filter(
    ({ kind, metadata: { name } }) => SURROUNDINGS.has(kind) || (RBAC.has(kind) && name === OBJECT.webhook),
  );
  const list = { apiVersion: 'v1', kind: 'List', items: needed };
  const applied = await cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(list) });
  if (applied.status !== 0) throw new Error(applied.stderr);
  const crd = needed.find(({ kind }) => kind === 'CustomResourceDefinition');
  const wait = ['wait', '--for=condition=Established', `crd/${crd?.metadata.name}`, '--timeout=30s'];
  const established = await cluster.kubectl(wait);
  if (established.status !== 0) throw new Error(established.stderr);
}

/** Registers the webhooks of `manifests/`, with a URL on loopback in the place of their Service. */
export async function registerWebhooks(cluster: Cluster, admin: Api, port: number, secret: string): Promise<void> {
  const all = await rendered(cluster);
  for (const { kind, path } of CONFIGURATIONS) {
    const found = all.filter((object) => object.kind === kind);
    const [configuration] = found;
    if (configuration?.webhooks === undefined || found.length > 1) throw new Error(`manifests/ holds not one ${kind}`);
    const webhooks = configuration.webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: {
        url: `https://127.0.0.1:${port}${pathOf(webhook.name)}/${secret}`,
        caBundle: Buffer.from(cluster.ca).toString('base64'),
      },
    }));
    const { status, body } = await admin.call('POST', path, { body: { ...configuration, webhooks } });
    if (status !== 201) throw new Error(`${kind}: ${body.message}`);
  }
}

function pathOf(webhook: string): string {
  const path = (WEBHOOKS as Readonly<Record<string, string>>)[webhook];
  if (path === undefined) throw new Error(`where ${webhook} leads is not known`);
  return path;
}

/** Takes both registrations away, whether or not they are there. */
export async function unregisterWebhooks(admin: Api): Promise<void> {
  for (const { path, name } of CONFIGURATIONS) {
    const { status, body } = await admin.call('DELETE', `${path}/${name}`);
    if (status !== 200 && status !== 404) throw new Error(`${path}/${name}: ${body.message}`);
  }
}

/** Waits until the API server does what the registrations say; it learns of them from a watch. */
export async function untilRegistered(admin: Api, governed: string): Promise<void> {
  await until('the API server asks about pods and policies', async () => {
    const pod = { metadata: { name: 'probe' }, spec: { containers: [{ name: 'a', image: 'a' }] } };
    const pods = await admin.postPod(governed, pod, { dryRun: true });
    const policies = await admin.call('POST', '/apis/countersign.dev/v1alpha1/attributionpolicies?dryRun=All', {
      body: unusable,
    });
    return saysNo(pods) && saysNo(policies);
  });
}

/** Waits until the API server asks nobody about policies: one that fits the CRD alone is taken. */
export async function untilPoliciesUnchecked(admin: Api): Promise<void> {
  await until('the API server asks nobody about policies', async () => {
    const path = '/apis/countersign.dev/v1alpha1/attributionpolicies?dryRun=All';
    return (await admin.call('POST', path, { body: unusable })).status === 201;
  });
}

function saysNo({ status, body }: { status: number; body: { message?: string } }): boolean {
  return status === 403 && body.message?.includes('admission webhook') === true;
}

/** Fits the CRD, and its pattern is no pattern. */
const unusable = {
  apiVersion: 'countersign.dev/v1alpha1',
  kind: 'AttributionPolicy',
  metadata: { name: 'unusable' },
  spec: {
    operators: [{ name: 'broken', match: { username: '(' } }],
    session: { identity: 'pod-identity', region: 'eu-central-1', roles: [{ arn: 'arn:aws:iam::111122223333:role/a' }] },
  },
};
