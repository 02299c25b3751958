import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { expectAttributed, expectUntouched } from './support/attributed.ts';
import { STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { APP, podWith, podWithApp, tokenVolume } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

const VOLUME = { name: 'v', emptyDir: {} };

/** The session container as a copied pod has it, made to look like another operator's. */
const FORGED = {
  name: 'countersign',
  image: 'forged',
  command: ['/usr/local/bin/countersign', 'session', 'run'],
  restartPolicy: 'Always',
  env: [{ name: 'FAB_OPERATOR', value: 'bob@acme.com' }],
};

describe.skipIf(cluster.unavailable)('what a pod must not hold', () => {
  const countersign = useCountersign(cluster);
  let namespace: string;
  let alice: Person;

  beforeAll(async () => {
    const allow = { tokenAudiences: ['vault'], csiDrivers: ['csi.acme.com'] };
    namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF], allow }));
    alice = await countersign.person('alice@acme.com');
  });

  const refused = (pod: object) => alice.refused(namespace, pod);
  const mounting = (volume: string, mount: object) =>
    podWith({ containers: [{ ...APP, volumeMounts: [{ name: volume, ...mount }] }], volumes: [VOLUME] });

  describe('names of ours', () => {
    it.each([
      ['a container', { containers: [APP, { ...APP, name: 'countersign' }] }],
      ['an init container that is another program', { initContainers: [{ ...APP, name: 'countersign' }] }],
      [
        'a container that looks like the session container',
        { containers: [APP, { ...FORGED, restartPolicy: undefined }] },
      ],
    ])('%s', async (_, spec) => {
      expect(await refused(podWith(spec))).toBe(
        '[ReservedName] container "countersign" takes a name that Countersign needs for what it adds. Next: Rename it.',
      );
    });

    it.each(['countersign', 'countersign-private', 'countersign-tokens'])('a volume %s', async (name) => {
      const volumes = [{ name, configMap: { name: 'mine' } }];
      expect(await refused(podWith({ volumes }))).toContain(`[ReservedName] volume "${name}"`);
    });

    it('but a forged session container is replaced by the real one', async () => {
      const pod = await alice.api.createPod(namespace, podWith({ initContainers: [FORGED] }));
      expectAttributed(pod, 'alice@acme.com');
    });

    it('as are volumes that could be ours', async () => {
      const volumes = [
        { name: 'countersign', emptyDir: {} },
        tokenVolume('countersign-tokens', { path: 'token' }),
        { name: 'countersign-private', emptyDir: {} },
      ];
      const pod = await alice.api.createPod(namespace, podWith({ initContainers: [FORGED], volumes }));
      expectAttributed(pod, 'alice@acme.com');
    });

    it('and what stands beside a forged one is attributed like any other', async () => {
      const env = [
        { name: 'AWS_PROFILE', value: 'mine' },
        { name: 'AWS_ROLE_ARN', value: 'mine' },
      ];
      const initContainers = [FORGED, { ...APP, name: 'beside', env }];
      for (const automountServiceAccountToken of [true, false]) {
        const pod = await alice.api.createPod(namespace, podWith({ initContainers, automountServiceAccountToken }));
        expectAttributed(pod, 'alice@acme.com');
      }
    });
  });

  describe('mounts of our volumes', () => {
    it.each([
      ['the private one', 'countersign-private', { mountPath: '/x' }],
      ['the tokens', 'countersign-tokens', { mountPath: '/x', readOnly: true }],
      ['the shared one writable', 'countersign', { mountPath: '/var/run/countersign' }],
      ['the shared one elsewhere', 'countersign', { mountPath: '/x', readOnly: true }],
      ['a part of it', 'countersign', { mountPath: '/var/run/countersign', readOnly: true, subPath: '..' }],
    ])('%s', async (_, volume, mount) => {
      const message = await refused(mounting(volume, mount));
      expect(message).toContain(`[ReservedMount] container "app" mounts Countersign's volume "${volume}"`);
      expect(message).toContain('Next: Remove the mount');
    });
  });

  it.each(['countersign', 'countersign-private', 'countersign-tokens'])(
    'a variable from a file in our volume %s, for which nothing need be mounted',
    async (volumeName) => {
      const fileKeyRef = { volumeName, path: 'credentials', key: 'KEY', optional: true };
      const message = await refused(podWithApp({ env: [{ name: 'STOLEN', valueFrom: { fileKeyRef } }] }));
      expect(message).toContain(`[ReservedMount] container "app" mounts Countersign's volume "${volumeName}"`);
    },
  );

  describe('mounts over ours, however they are spelled', () => {
    it.each([
      '/var/run/countersign',
      '/var/run/countersign/',
      '/var/run//countersign',
      '/var/./run/countersign',
      '/var/run/x/../countersign',
      '/run/countersign',
      '/var/run/countersign/kubeconfig',
      '/var/run/countersign-private',
      '/run/countersign-tokens/',
      'var/run/countersign',
    ])('%s', async (mountPath) => {
      const { status, body } = await alice.api.postPod(namespace, mounting('v', { mountPath }), { dryRun: true });
      expect({ status, message: body.message }).toMatchObject({
        status: 403,
        message: expect.stringContaining(
          `[ReservedPath] container "app" mounts something of its own at "${mountPath}"`,
        ),
      });
    });

    it('but not a directory above or beside them', async () => {
      for (const mountPath of ['/var/run', '/run', '/var', '/var/run/countersigned'])
        expectAttributed(await alice.api.createPod(namespace, mounting('v', { mountPath })), 'alice@acme.com');
    });
  });

  describe('ports of ours', () => {
    it.each([9911, 9912])('%d', async (containerPort) => {
      const message = await refused(podWithApp({ ports: [{ containerPort }] }));
      expect(message).toContain(`[ReservedPort] container "app" uses port ${containerPort}`);
      const initContainers = [{ ...APP, name: 'first', ports: [{ containerPort, protocol: 'UDP' }] }];
      expect(await refused(podWith({ initContainers }))).toContain('[ReservedPort] container "first"');
    });
  });

  describe('tokens of the service account', () => {
    it('for the API server', async () => {
      expect(await refused(podWith({ volumes: [tokenVolume('mine')] }))).toBe(
        '[TokenProjection] volume "mine" projects the service account\'s API token, a credential that does not carry the operator\'s name. Next: Remove the projection, or ask a cluster admin to list its audience under allow.tokenAudiences.',
      );
    });

    it.each(['sts.amazonaws.com', 'pods.eks.amazonaws.com', 'https://kubernetes.default.svc', 'vault.example'])(
      'for %s',
      async (audience) => {
        const message = await refused(podWith({ volumes: [tokenVolume('mine', { audience })] }));
        expect(message).toContain(`[TokenProjection] volume "mine" projects a service account token for "${audience}"`);
      },
    );

    it('for AWS in a volume that only bears the name of the EKS webhook’s', async () => {
      const token = { serviceAccountToken: { audience: 'sts.amazonaws.com', path: 'token' } };
      for (const sources of [
        [token, { secret: { name: 'x' } }],
        [{ ...token }, { ...token }],
      ]) {
        const message = await refused(podWith({ volumes: [{ name: 'aws-iam-token', projected: { sources } }] }));
        expect(message).toContain('[TokenProjection] volume "aws-iam-token"');
      }
      const other = tokenVolume('aws-iam-token', { audience: 'other' });
      expect(await refused(podWith({ volumes: [other] }))).toContain('[TokenProjection]');
    });

    it('behind a listed one', async () => {
      const sources = ['vault', undefined].map((audience) => ({
        serviceAccountToken: { audience, path: `${audience}` },
      }));
      const message = await refused(podWith({ volumes: [{ name: 'mine', projected: { sources } }] }));
      expect(message).toContain("the service account's API token");
    });

    it('as a certificate of the pod', async () => {
      const podCertificate = { signerName: 'acme.com/agent', keyType: 'ED25519', credentialBundlePath: 'x' };
      const volumes = [{ name: 'mine', projected: { sources: [{ podCertificate }] } }];
      expect(await refused(podWith({ volumes }))).toContain(
        '[TokenProjection] volume "mine" projects a source of kind "podCertificate"',
      );
    });

    it('but for a listed audience they pass', async () => {
      const volumes = [tokenVolume('mine', { audience: 'vault' })];
      const { stderr, status } = await alice.create(namespace, podWith({ volumes }));
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    });
  });

  describe('inline CSI volumes', () => {
    const csi = (driver: string) => podWith({ volumes: [{ name: 'mine', csi: { driver } }] });

    it('of any driver', async () => {
      const message = await refused(csi('secrets-store.csi.k8s.io'));
      expect(message).toContain('[InlineCsi] volume "mine" uses the inline CSI driver "secrets-store.csi.k8s.io"');
      expect(message).toContain('Next: Use another kind of volume, or ask a cluster admin');
    });

    it('but of a listed one they pass', async () => {
      expectAttributed(await alice.api.createPod(namespace, csi('csi.acme.com')), 'alice@acme.com');
    });
  });

  it('a process namespace that all containers share', async () => {
    expect(await refused(podWith({ shareProcessNamespace: true }))).toBe(
      '[SharedProcessNamespace] shareProcessNamespace lets every container read the session container’s tokens under /proc. Next: Remove spec.shareProcessNamespace.',
    );
  });

  describe('Windows', () => {
    it('by its name or by its node', async () => {
      for (const spec of [{ os: { name: 'windows' } }, { nodeSelector: { 'kubernetes.io/os': 'windows' } }])
        expect(await refused(podWith(spec))).toContain('[WindowsPod] this is a Windows pod');
    });

    it('but Linux may be said', async () => {
      const spec = { os: { name: 'linux' }, nodeSelector: { 'kubernetes.io/os': 'linux' } };
      expectAttributed(await alice.api.createPod(namespace, podWith(spec)), 'alice@acme.com');
    });
  });

  describe('the sign of a static pod', () => {
    const mirror = podWith({ nodeName: 'worker' }, { annotations: { 'kubernetes.io/config.mirror': 'hash' } });

    it('from a user', async () => {
      expect(await refused(mirror)).toBe(
        '[MirrorPodForged] "alice@acme.com" set the annotation kubernetes.io/config.mirror, which only a node\'s kubelet sets. Next: Remove the annotation.',
      );
    });

    it('from somebody with the name of a node alone', async () => {
      const pretender = await countersign.person('system:node:worker');
      expect(await pretender.refused(namespace, mirror)).toContain('[MirrorPodForged]');
    });

    it('from somebody in the group of nodes alone', async () => {
      const pretender = await countersign.person('alice@acme.com', ['system:nodes']);
      expect(await pretender.refused(namespace, mirror)).toContain('[MirrorPodForged]');
    });

    it('but a node may set it, and the pod that it already runs is shown as it is', async () => {
      const node = await countersign.person('system:node:worker', ['system:nodes']);
      expectUntouched(await node.created(namespace, mirror));
    });
  });

  it('a key that JavaScript treats in its own way, which the API server judges', async () => {
    const attributes = JSON.parse('{"__proto__": "x", "constructor": "y"}') as object;
    const volumes = [{ name: 'mine', csi: { driver: 'csi.acme.com', volumeAttributes: attributes } }];
    const pod = await alice.api.createPod(namespace, podWith({ volumes }));
    expectAttributed(pod, 'alice@acme.com');
    expect(JSON.stringify(pod.spec?.volumes)).toContain('{"__proto__":"x","constructor":"y"}');
    const annotations = JSON.parse('{"__proto__": "x"}') as object;
    const { status, body } = await alice.api.postPod(namespace, podWith({}, { annotations }));
    expect(status).toBe(422);
    expect(body.message).toContain('metadata.annotations: Invalid value: "__proto__"');
  });

  it('containers for debugging, at creation', async () => {
    const ephemeralContainers = [{ ...APP, name: 'debug', targetContainerName: 'countersign' }];
    const { status, body } = await alice.api.postPod(namespace, podWith({ ephemeralContainers }));
    expect(status).toBe(422);
    expect(body.message).toContain('spec.ephemeralContainers: Forbidden');
  });
});
