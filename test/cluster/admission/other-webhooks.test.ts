import type { V1Pod } from '@kubernetes/client-node';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { containersOf, envOf, expectAttributed } from './support/attributed.ts';
import { STAFF } from './support/countersign.ts';
import {
  addContainer,
  addInitContainer,
  eksMutation,
  type Mutation,
  type OtherWebhook,
  startOtherWebhook,
} from './support/other-webhook.ts';
import type { Person } from './support/person.ts';
import { APP, EKS, eksVolume, podWith } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

/** API servers call configurations by name: `a-…` before `countersign`, `z-…` after it. */
const ORDERS = [
  ['before', 'a-other-injector'],
  ['after', 'z-other-injector'],
] as const;

describe.skipIf(cluster.unavailable)('beside other webhooks', () => {
  const countersign = useCountersign(cluster);
  let policy: string;
  let alice: Person;
  let other: OtherWebhook | undefined;

  beforeAll(async () => {
    policy = await countersign.newPolicy({ operators: [STAFF] });
    alice = await countersign.person('alice@acme.com');
  });
  afterEach(async () => {
    await other?.stop();
    other = undefined;
  });

  /** A governed namespace in which another webhook changes the pods too. */
  async function besides(name: string, mutate: Mutation, options: { again?: boolean } = {}): Promise<string> {
    const namespace = await countersign.governedNamespace(policy);
    const reinvocationPolicy = options.again === true ? 'IfNeeded' : 'Never';
    other = await startOtherWebhook(cluster, countersign.admin, { name, namespace, mutate, reinvocationPolicy });
    const { calls } = other;
    // The API server learns of the registration from a watch.
    await expect
      .poll(async () => {
        await alice.api.createPod(namespace, podWith(), { dryRun: true });
        return calls();
      })
      .toBeGreaterThan(0);
    return namespace;
  }

  describe.each(ORDERS)('one that acts %s', (_, name) => {
    describe.each(['irsa', 'pod-identity'] as const)('and gives AWS credentials by %s', (flavour) => {
      it('leaves none of them in the pod', async () => {
        const namespace = await besides(name, eksMutation(flavour));
        const initContainers = [
          { ...APP, name: 'first' },
          { ...APP, name: 'sidecar', restartPolicy: 'Always' },
        ];
        const pod = await alice.created(namespace, podWith({ initContainers }));
        expectAttributed(pod, 'alice@acme.com');
        expect(JSON.stringify(pod.spec)).not.toContain(EKS[flavour].volume);
      });

      it('has none of them in a container where it is asked again as well', async () => {
        const namespace = await besides(name, eksMutation(flavour), { again: true });
        const pod = await alice.created(namespace, podWith());
        // Whoever is asked last has the last word: its volume is there, and no container mounts it.
        const idleTokens = name.startsWith('z') ? [EKS[flavour].volume] : [];
        expectAttributed(pod, 'alice@acme.com', { idleTokens });
      });
    });

    it('and adds a container does not get one past attribution', async () => {
      const env = [
        { name: 'MESH', value: 'yes' },
        { name: 'AWS_PROFILE', value: 'mesh' },
      ];
      const namespace = await besides(name, addContainer({ ...APP, name: 'mesh', env }));
      const { status, stdout, stderr } = await alice.create(namespace, podWith());
      expect({ status, stderr: stderr.trim() }).toEqual({
        status: 0,
        stderr: 'Warning: container "mesh": AWS_PROFILE replaced, as the session\'s credentials are the only ones',
      });
      const pod = JSON.parse(stdout) as V1Pod;
      expectAttributed(pod, 'alice@acme.com');
      const mesh = containersOf(pod).others.find((container) => container.name === 'mesh');
      expect(mesh && envOf(mesh, 'MESH')).toEqual({ value: 'yes' });
    });

    it('and puts an init container first does not get it before the session', async () => {
      const namespace = await besides(name, addInitContainer({ ...APP, name: 'mesh-init' }));
      const pod = await alice.created(namespace, podWith());
      expectAttributed(pod, 'alice@acme.com');
      expect(containersOf(pod).others.map((container) => container.name)).toEqual(['mesh-init', 'app']);
    });

    it('and mounts the pod’s own token has the pod refused', async () => {
      const volume = { name: 'mesh-token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } };
      const namespace = await countersign.governedNamespace(policy);
      other = await startOtherWebhook(cluster, countersign.admin, {
        name,
        namespace,
        mutate: ({ spec }) => {
          if (spec?.volumes?.some((each) => each.name === volume.name) === true) return [];
          return [{ op: 'add', path: '/spec/volumes', value: [...(spec?.volumes ?? []), volume] }];
        },
      });
      await expect.poll(async () => (await alice.api.postPod(namespace, podWith(), { dryRun: true })).status).toBe(403);
      expect(await alice.refused(namespace, podWith())).toContain('[TokenProjection] volume "mesh-token"');
    });

    it('and names another operator has the pod refused', async () => {
      const namespace = await countersign.governedNamespace(policy);
      other = await startOtherWebhook(cluster, countersign.admin, {
        name,
        namespace,
        mutate: addContainer({ ...APP, name: 'mesh', env: [{ name: 'FAB_OPERATOR', value: 'bob@acme.com' }] }),
      });
      await expect.poll(async () => (await alice.api.postPod(namespace, podWith(), { dryRun: true })).status).toBe(403);
      expect(await alice.refused(namespace, podWith())).toMatch(/^\[OperatorClaim(edByOther|Unclear)\]/);
    });

    it('and changes nothing has nothing done twice', async () => {
      const namespace = await besides(name, () => []);
      const pod = await alice.created(namespace, podWith());
      const { annotations = {} } = await countersign.creationOf(pod);
      const rounds = Object.keys(annotations).filter((key) => key.startsWith('patch.webhook.admission.k8s.io/'));
      expect(rounds).toHaveLength(1);
    });
  });

  it('what the EKS webhook did by hand in the manifest is undone like what it does by itself', async () => {
    const namespace = await besides('z-other-injector', eksMutation('irsa'));
    const app = { ...APP, env: EKS.irsa.env, volumeMounts: [{ name: 'aws-iam-token', mountPath: '/mine' }] };
    const pod = await alice.created(namespace, podWith({ containers: [app], volumes: [eksVolume('irsa')] }));
    expectAttributed(pod, 'alice@acme.com');
    expect(JSON.stringify(pod.spec)).not.toContain('aws-iam-token');
  });
});
