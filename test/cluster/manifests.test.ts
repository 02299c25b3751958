import { join } from 'node:path';
import type { V1Deployment, V1Namespace, V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { SERVING_NAMES } from '../../src/cluster/bootstrap/serving.ts';
import { LABEL, OBJECT } from '../../src/names.ts';
import { connect } from './fixture.ts';
import { applyManifests, deleteManifests, Installation, namespace, root } from './installation.ts';
import { until } from './until.ts';

const cluster = connect();

/** An object as kustomize renders it, as far as it is looked at here. */
interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: object;
  readonly rules?: readonly { readonly resourceNames?: readonly string[] }[];
}

describe.skipIf(cluster.unavailable)('the manifests', () => {
  const installation = new Installation(cluster);
  /** Made before: afterwards it takes the webhook to put a namespace under a policy. */
  let governed: string;

  beforeAll(async () => {
    governed = await cluster.newNamespace({ [LABEL.policy]: 'any' });
    await applyManifests(cluster);
  });
  afterAll(() => deleteManifests(cluster));

  describe('applied again', () => {
    test('change nothing', async () => {
      const before = await get<V1PodDisruptionBudget>('poddisruptionbudget', OBJECT.webhook);
      expect(await applyAgain()).toEqual([]);
      const after = await get<V1PodDisruptionBudget>('poddisruptionbudget', OBJECT.webhook);
      expect(after.metadata?.generation).toBe(before.metadata?.generation);
    });

    test('leave alone what bootstrap wrote', async () => {
      const authority = (await cluster.serverCertificate()).cert;
      await installation.setClientConfig({ caBundle: authority, path: '/mutate/0a' });
      await installation.setSecret(OBJECT.pathSecret, { current: '0a' });
      const before = await installation.resourceVersions();
      expect(await applyAgain()).toEqual([]);
      expect(await installation.resourceVersions()).toEqual(before);
      expect(await installation.mutating()).toMatchObject({ caBundle: authority, path: '/mutate/0a' });
      expect(await installation.secret(OBJECT.pathSecret)).toEqual({ current: '0a' });
    });

    /** What kubectl says it changed. Of a disruption budget it always sends the selector, which changes nothing. */
    async function applyAgain(): Promise<string[]> {
      const lines = await applyManifests(cluster);
      return lines.filter((line) => !line.endsWith(' unchanged') && !line.startsWith('poddisruptionbudget'));
    }
  });

  describe('the pods', () => {
    test.each([
      ['webhook', 2],
      ['bootstrap', 1],
    ])('of the %s pass Pod Security "restricted" and the quota', async (component, count) => {
      const pods = await until(`${count} pods of ${component}`, async () => {
        const found = await podsOf(component);
        return found.length === count && found;
      });
      // Had the namespace's label been lost, anything would pass.
      const { metadata } = await get<V1Namespace>('namespace', namespace);
      expect(metadata?.labels?.[LABEL.podSecurityEnforce]).toBe('restricted');
      for (const pod of pods) expect(pod.spec?.containers).toHaveLength(1);
    });

    test('of the webhook inject the image that they run', async () => {
      const pod = (await get<V1Deployment>('deployment', OBJECT.webhook)).spec?.template.spec;
      const container = pod?.containers[0];
      expect(container?.env).toEqual([{ name: 'COUNTERSIGN_IMAGE', value: container?.image }]);
      expect(container?.args).toContain('--session-image=$(COUNTERSIGN_IMAGE)');
      expect(pod?.volumes?.map(({ secret }) => secret)).toEqual([
        { secretName: OBJECT.tlsSecret, defaultMode: 0o440 },
        { secretName: OBJECT.pathSecret, defaultMode: 0o440 },
        { secretName: OBJECT.stampKeysSecret, defaultMode: 0o440 },
      ]);
    });

    test('of the webhook survive an eviction one by one', async () => {
      const budget = await until('the disruption budget has counted', async () => {
        const { status } = await get<V1PodDisruptionBudget>('poddisruptionbudget', OBJECT.webhook);
        return status?.expectedPods === 2 && status;
      });
      expect(budget.desiredHealthy).toBe(1);
    });
  });

  describe('the service accounts', () => {
    const everywhere = '--all-namespaces';
    const here = `--namespace=${namespace}`;
    test.each([
      ['webhook', 'yes', ['list', 'namespaces']],
      ['webhook', 'yes', ['watch', 'attributionpolicies.countersign.dev']],
      ['webhook', 'no', ['update', 'attributionpolicies.countersign.dev']],
      ['webhook', 'no', ['patch', 'namespaces']],
      ['webhook', 'no', ['get', `secrets/${OBJECT.pathSecret}`, here]],
      ['webhook', 'no', ['get', `secrets/${OBJECT.stampKeysSecret}`, here]],
      ['webhook', 'no', ['list', 'pods', everywhere]],
      ['webhook', 'no', ['get', `mutatingwebhookconfigurations/${OBJECT.mutatingConfiguration}`]],
      ['bootstrap', 'yes', ['get', `secrets/${OBJECT.caSecret}`, here]],
      ['bootstrap', 'yes', ['patch', `secrets/${OBJECT.tlsSecret}`, here]],
      ['bootstrap', 'yes', ['patch', `secrets/${OBJECT.pathSecret}`, here]],
      ['bootstrap', 'yes', ['patch', `secrets/${OBJECT.stampKeysSecret}`, here]],
      ['bootstrap', 'yes', ['patch', `configmaps/${OBJECT.stampKeysConfigMap}`, here]],
      ['bootstrap', 'no', ['patch', 'configmaps/another', here]],
      ['bootstrap', 'yes', ['patch', `validatingwebhookconfigurations/${OBJECT.validatingConfiguration}`]],
      ['bootstrap', 'no', ['list', 'secrets', here]],
      ['bootstrap', 'no', ['create', 'secrets', here]],
      ['bootstrap', 'no', ['delete', `secrets/${OBJECT.caSecret}`, here]],
      ['bootstrap', 'no', ['get', `secrets/${OBJECT.caSecret}`, '--namespace=default']],
      ['bootstrap', 'no', ['patch', 'mutatingwebhookconfigurations/another']],
      ['bootstrap', 'no', ['create', 'mutatingwebhookconfigurations']],
      ['bootstrap', 'no', ['list', 'namespaces']],
    ])('%s: %s, it may %j', async (account, answer, request) => {
      const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, `countersign-${account}`);
      const { stdout } = await cluster.kubectl(['auth', 'can-i', ...request], { kubeconfig });
      expect(stdout.trim()).toBe(answer);
    });

    test('bootstrap is refused another Secret beside its own', async () => {
      await cluster.kubectl(['-n', namespace, 'create', 'secret', 'generic', 'somebody-elses', '--from-literal=a=b']);
      const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, 'countersign-bootstrap');
      const own = await cluster.kubectl(['-n', namespace, 'get', 'secret', OBJECT.caSecret], { kubeconfig });
      expect(own.status).toBe(0);
      const other = await cluster.kubectl(['-n', namespace, 'get', 'secret', 'somebody-elses'], { kubeconfig });
      expect(other.stderr).toContain('Forbidden');
    });
  });

  test('whoever may view things may read policies, and not write them', async () => {
    const kubeconfig = await cluster.userKubeconfig('viewer@acme.com', ['viewers']);
    const binding = ['create', 'clusterrolebinding', 'test-viewers', '--clusterrole=view', '--group=viewers'];
    expect((await cluster.kubectl(binding)).status).toBe(0);
    const may = async (verb: string) => {
      const args = ['auth', 'can-i', verb, 'attributionpolicies.countersign.dev'];
      return (await cluster.kubectl(args, { kubeconfig })).stdout.trim();
    };
    // A controller puts aggregated roles together.
    await until('the role "view" has its new part', async () => (await may('list')) === 'yes');
    expect(await may('create')).toBe('no');
    await cluster.kubectl(['delete', 'clusterrolebinding', 'test-viewers']);
  });

  describe('while the webhook cannot be reached, a pod', () => {
    const unreachable = /failed calling webhook "pods\.countersign\.dev"/;
    const mirror = { 'kubernetes.io/config.mirror': 'x' };
    const asNode = ['--as=system:node:n1', '--as-group=system:nodes'];
    let free: string;

    beforeAll(async () => {
      free = await cluster.newNamespace();
      // Without the Service the API server knows at once that it cannot call; dry runs are reviewed like others.
      await cluster.kubectl(['-n', namespace, 'delete', 'service', OBJECT.webhook]);
      await until('pods are refused', async () => unreachable.test((await create(governed)).stderr));
    });
    afterAll(async () => {
      // The policy's label on Countersign's own namespace goes with the namespace; here it would outlive the test.
      await cluster.kubectl(['label', 'namespace', 'kube-system', `${LABEL.policy}-`]);
    });

    test('in a governed namespace is refused', async () => {
      expect((await create(governed)).stderr).toMatch(unreachable);
    });

    test('elsewhere starts', async () => {
      expect(await create(free)).toMatchObject({ status: 0, stderr: '' });
    });

    test.each([namespace, 'kube-system'])('in %s starts, even when somebody labels that', async (own) => {
      expect((await cluster.kubectl(['label', 'namespace', own, `${LABEL.policy}=any`])).status).toBe(0);
      expect((await get<V1Namespace>('namespace', own)).metadata?.labels?.[LABEL.policy]).toBe('any');
      expect(await create(own)).toMatchObject({ status: 0, stderr: '' });
    });

    test('that a node mirrors starts', async () => {
      const { stdout, stderr } = await create(governed, mirror, asNode);
      expect(stderr).toBe('');
      expect(stdout).toContain('created');
    });

    test('that anybody else calls a mirror pod is refused', async () => {
      expect((await create(governed, mirror)).stderr).toMatch(unreachable);
    });

    test('of somebody whose name merely looks like a node’s is refused', async () => {
      const grant = [
        '-n',
        governed,
        'create',
        'rolebinding',
        'looks',
        '--clusterrole=edit',
        '--user=system:node:looks',
      ];
      expect((await cluster.kubectl(grant)).status).toBe(0);
      expect((await create(governed, mirror, ['--as=system:node:looks'])).stderr).toMatch(unreachable);
    });

    test('that a node does not call a mirror pod is refused', async () => {
      const result = await create(governed, {}, [...asNode, '--as-group=system:masters']);
      expect(result.stderr).toMatch(unreachable);
    });
  });

  test('the overlay for cert-manager builds, and asks for the names that are served', async () => {
    // It is not applied: cert-manager's own resource kinds are not in this cluster.
    const { status, stdout, stderr } = await cluster.kubectl(['kustomize', join(root, 'manifests/cert-manager')]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Rendered);
    const find = (kind: string, name: string) =>
      objects.find((object) => object.kind === kind && object.metadata.name === name);
    expect(find('Certificate', 'countersign-webhook')?.spec).toMatchObject({
      dnsNames: SERVING_NAMES,
      secretName: OBJECT.tlsSecret,
    });
    for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']) {
      const annotations = { 'cert-manager.io/inject-ca-from': `${namespace}/countersign-webhook` };
      expect(find(kind, 'countersign')?.metadata).toMatchObject({ annotations });
    }
    expect(find('Secret', OBJECT.tlsSecret)).toBeUndefined();
    expect(find('Role', 'countersign-bootstrap')?.rules?.[0]?.resourceNames).toEqual([
      OBJECT.pathSecret,
      OBJECT.stampKeysSecret,
    ]);
    const template = { spec: { containers: [{ args: expect.arrayContaining(['--certificate=cert-manager']) }] } };
    expect(find('Job', 'countersign-bootstrap')?.spec).toMatchObject({ template });
    expect(find('CronJob', 'countersign-bootstrap')?.spec).toMatchObject({ jobTemplate: { spec: { template } } });
  });

  async function podsOf(component: string): Promise<V1Pod[]> {
    const selector = `--selector=app.kubernetes.io/component=${component}`;
    const { stdout } = await cluster.kubectl(['-n', namespace, 'get', 'pods', selector, '--output=json']);
    return (JSON.parse(stdout) as { items: V1Pod[] }).items;
  }

  async function get<Kind>(kind: string, name: string): Promise<Kind> {
    const { stdout } = await cluster.kubectl(['-n', namespace, 'get', kind, name, '--output=json']);
    return JSON.parse(stdout) as Kind;
  }

  /** Creates a pod as a dry run, which every admission step sees. It fits Pod Security's "restricted". */
  function create(where: string, annotations: Record<string, string> = {}, as: readonly string[] = []) {
    const securityContext = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a-pod', annotations },
      spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'main', securityContext }] },
    };
    const args = ['-n', where, 'create', '--dry-run=server', '--filename=-', '--validate=false', ...as];
    return cluster.kubectl(args, { stdin: JSON.stringify(pod) });
  }
});
