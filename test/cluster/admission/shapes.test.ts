import type { V1Pod } from '@kubernetes/client-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { containersOf, envOf, expectAttributed, tokenVolumesIn } from './support/attributed.ts';
import { BASE_ROLE, SESSION, STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { APP, EKS, type EksFlavour, eksMount, eksVolume, podWith, podWithApp, RESTRICTED } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('pods of every shape', () => {
  const countersign = useCountersign(cluster);
  let namespace: string;
  let alice: Person;

  beforeAll(async () => {
    namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF] }));
    alice = await countersign.person('alice@acme.com');
  });

  /** Creates a pod and checks all that holds for every attributed one. */
  async function attributed(pod: object, where = namespace): Promise<V1Pod> {
    const stored = await alice.api.createPod(where, pod);
    expectAttributed(stored, 'alice@acme.com');
    return stored;
  }

  describe('containers', () => {
    it('one, with neither variables nor volumes', async () => {
      await attributed(podWith());
    });

    it('one, with empty lists of both', async () => {
      await attributed(podWith({ volumes: [], containers: [{ ...APP, env: [], volumeMounts: [] }] }));
    });

    it('several', async () => {
      const containers = ['one', 'two', 'three'].map((name) => ({ ...APP, name }));
      const { others } = containersOf(await attributed(podWith({ containers })));
      expect(others.map(({ name }) => name)).toEqual(['one', 'two', 'three']);
    });

    it('init containers, which start after the session', async () => {
      const initContainers = ['first', 'second'].map((name) => ({ ...APP, name }));
      const { others } = containersOf(await attributed(podWith({ initContainers })));
      expect(others.map(({ name }) => name)).toEqual(['first', 'second', 'app']);
    });

    it('native sidecars', async () => {
      const initContainers = [
        { ...APP, name: 'proxy', restartPolicy: 'Always' },
        { ...APP, name: 'setup' },
      ];
      const { others } = containersOf(await attributed(podWith({ initContainers })));
      expect(others.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([
        ['proxy', 'Always'],
        ['setup', undefined],
        ['app', undefined],
      ]);
    });

    it('of their own user, group and profile, which stay theirs', async () => {
      const securityContext = { runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000, supplementalGroups: [4000] };
      const own = { runAsUser: 64_118 };
      const pod = await attributed(podWith({ securityContext, containers: [{ ...APP, securityContext: own }] }));
      expect(pod.spec?.securityContext).toEqual(securityContext);
      expect(containersOf(pod).session.securityContext?.runAsUser).toBe(64_118);
      expect(containersOf(pod).others[0]?.securityContext).toEqual(own);
    });

    it('with requests for the pod as a whole', async () => {
      for (const limits of [
        { cpu: '1', memory: '1Gi' },
        { cpu: '100m', memory: '64Mi' },
      ]) {
        const pod = await attributed(podWith({ resources: { limits } }));
        expect(pod.spec?.resources?.limits).toEqual(limits);
      }
    });

    it('with keys that mean something to JavaScript', async () => {
      const labels = { constructor: 'x', hasOwnProperty: 'y', toString: 'z' };
      const pod = await attributed(podWith({}, { labels, annotations: labels }));
      expect(pod.metadata?.labels).toEqual(labels);
    });

    it('with a field behind a gate that is off, which the API server drops afterwards', async () => {
      const pod = await attributed(
        podWith({ os: { name: 'linux' }, containers: [{ ...APP, lifecycle: { stopSignal: 'SIGUSR1' } }] }),
      );
      expect(containersOf(pod).others[0]?.lifecycle).toBeUndefined();
    });

    it('with everything else as it was', async () => {
      const app = {
        ...APP,
        command: ['sh'],
        args: ['-c', 'true'],
        workingDir: '/work',
        env: [
          { name: 'MINE', value: 'x$(FAB_OPERATOR)' },
          { name: 'AWS_REGION', value: 'us-east-1' },
        ],
        envFrom: [{ configMapRef: { name: 'settings' } }],
        ports: [{ containerPort: 8080, protocol: 'TCP' }],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
        livenessProbe: {
          httpGet: { path: '/', port: 8080, scheme: 'HTTP' },
          timeoutSeconds: 3,
          periodSeconds: 7,
          successThreshold: 1,
          failureThreshold: 2,
        },
        resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } },
      };
      const spec = {
        containers: [app],
        volumes: [{ name: 'data', emptyDir: {} }],
        nodeSelector: { disk: 'ssd' },
        hostAliases: [{ ip: '10.0.0.1', hostnames: ['x'] }],
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['10.0.0.2'] },
        restartPolicy: 'Never',
      };
      const { env, volumeMounts, ...rest } = app;
      const pod = await attributed(podWith(spec, { labels: { a: 'b' }, annotations: { c: 'd' } }));
      expect(pod.spec).toMatchObject({ ...spec, containers: [rest], volumes: expect.arrayContaining(spec.volumes) });
      expect(pod.metadata).toMatchObject({ labels: { a: 'b' }, annotations: { c: 'd' } });
      const stored = containersOf(pod).others[0];
      // What refers to a variable of ours has to come after it.
      expect(stored?.env?.slice(-2)).toEqual(env);
      expect(stored?.volumeMounts?.slice(-1)).toEqual(volumeMounts);
    });
  });

  describe('AWS credentials that come with the pod are gone:', () => {
    it.each(['irsa', 'pod-identity'] as const)('what the EKS webhook injected before, %s', async (flavour) => {
      const injected = { ...APP, env: EKS[flavour].env, volumeMounts: [eksMount(flavour)] };
      const pod = await attributed(
        podWith({
          initContainers: [{ ...injected, name: 'first' }],
          containers: [injected],
          volumes: [eksVolume(flavour)],
        }),
      );
      expect(namesIn(pod)).not.toContain(EKS[flavour].volume);
    });

    it('both mechanisms at once', async () => {
      const both: readonly EksFlavour[] = ['irsa', 'pod-identity'];
      const app = {
        ...APP,
        env: both.flatMap((flavour) => EKS[flavour].env),
        volumeMounts: both.map((flavour) => eksMount(flavour)),
      };
      await attributed(podWith({ containers: [app], volumes: both.map((flavour) => eksVolume(flavour)) }));
    });

    it('keys, profiles, files and bearer tokens, given or taken from Secrets', async () => {
      const fromSecret = { valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } };
      const env = [
        { name: 'AWS_ACCESS_KEY_ID', value: 'AKIAIOSFODNN7EXAMPLE' },
        { name: 'AWS_SECRET_ACCESS_KEY', ...fromSecret },
        { name: 'AWS_SESSION_TOKEN', ...fromSecret },
        { name: 'AWS_PROFILE', value: 'mine' },
        { name: 'AWS_DEFAULT_PROFILE', value: 'mine' },
        { name: 'AWS_CONFIG_FILE', value: '/mine' },
        { name: 'AWS_SHARED_CREDENTIALS_FILE', value: '/mine' },
        { name: 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', value: '/mine' },
        { name: 'AWS_CONTAINER_CREDENTIALS_FULL_URI', value: 'http://169.254.170.2/mine' },
        { name: 'AWS_EC2_METADATA_DISABLED', value: 'false' },
        { name: 'AWS_BEARER_TOKEN_BEDROCK', ...fromSecret },
      ];
      await attributed(podWithApp({ env }));
    });

    it('a variable given twice', async () => {
      const env = ['a', 'b'].map((value) => ({ name: 'AWS_PROFILE', value }));
      await attributed(podWithApp({ env }));
    });

    it('in init containers and sidecars as well', async () => {
      const env = [
        { name: 'AWS_PROFILE', value: 'mine' },
        { name: 'AWS_ROLE_ARN', value: BASE_ROLE },
      ];
      await attributed(podWith({ initContainers: [{ ...APP, name: 'sidecar', restartPolicy: 'Always', env }] }));
    });

    it('and the rest of AWS’s settings stay', async () => {
      const env = [
        { name: 'AWS_REGION', value: 'us-east-1' },
        { name: 'AWS_STS_REGIONAL_ENDPOINTS', value: 'regional' },
        { name: 'AWS_MAX_ATTEMPTS', value: '5' },
      ];
      const pod = await attributed(podWithApp({ env }));
      const [app] = containersOf(pod).others;
      for (const { name, value } of env) expect(app && envOf(app, name)).toEqual({ value });
    });
  });

  describe('envFrom', () => {
    it('without a prefix or with one of its own stays, and what is set wins over it', async () => {
      const envFrom = [
        { configMapRef: { name: 'settings' } },
        { secretRef: { name: 'secrets' }, prefix: 'MY_' },
        { configMapRef: { name: 'more' }, prefix: 'FAB_' },
      ];
      const pod = await attributed(podWithApp({ envFrom }));
      expect(containersOf(pod).others[0]?.envFrom).toEqual(envFrom);
    });

    it.each(['A', 'AWS_', 'AWS_PROF', 'AWS_BEARER_TOKEN_', 'AWS_CONTAINER_CREDENTIALS_'])(
      'with a prefix that aims at a variable which must not be there is refused: %s',
      async (prefix) => {
        const envFrom = [{ configMapRef: { name: 'settings' }, prefix }];
        const message = await alice.refused(namespace, podWithApp({ envFrom }));
        expect(message).toContain(`[EnvFromReserved] container "app" takes variables with prefix "${prefix}"`);
        expect(message).toContain('Next: Use another prefix');
      },
    );
  });

  it('a KUBECONFIG of its own is replaced', async () => {
    await attributed(podWithApp({ env: [{ name: 'KUBECONFIG', value: '/mine' }] }));
  });

  it('stamps, which no pod brings along, are taken out, and one of its own is put in', async () => {
    const annotations = { 'countersign.dev/stamp': 'forged', 'countersign.dev/custody': 'forged', other: 'x' };
    const pod = await attributed(podWith({}, { annotations }));
    const { 'countersign.dev/stamp': stamp, ...others } = pod.metadata?.annotations ?? {};
    expect(stamp).toMatch(/^eyJ/);
    expect(Object.keys(others).toSorted()).toEqual(['eks.amazonaws.com/skip-containers', 'other']);
  });

  describe("no container gets a token of the pod's service account, with automountServiceAccountToken", () => {
    it.each([true, false, undefined])('%s', async (automountServiceAccountToken) => {
      const pod = await attributed(
        podWith({ automountServiceAccountToken, initContainers: [{ ...APP, name: 'first' }] }),
      );
      const { session, others } = containersOf(pod);
      for (const container of others) expect(tokenVolumesIn(pod, container)).toEqual([]);
      expect(tokenVolumesIn(pod, session)).toEqual(['countersign-tokens']);
      expect(namesIn(pod).filter((name) => name.startsWith('kube-api-access'))).toEqual([]);
    });

    it('set on the service account', async () => {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      const account = { metadata: { name: 'quiet' }, automountServiceAccountToken: false };
      await countersign.admin.call('POST', path, { body: account });
      await attributed(podWith({ serviceAccountName: 'quiet' }));
    });

    it('and a volume that looks like the one of Kubernetes', async () => {
      const sources = [
        { serviceAccountToken: { path: 'token', expirationSeconds: 7200 } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      ];
      const pod = await attributed(
        podWith({
          containers: [{ ...APP, volumeMounts: [{ name: 'kube-api-access-mine', mountPath: '/mine' }] }],
          volumes: [{ name: 'kube-api-access-mine', projected: { sources } }],
        }),
      );
      expect(namesIn(pod)).not.toContain('kube-api-access-mine');
    });
  });

  describe('sessions as the policy wants them:', () => {
    it('with Pod Identity, in a namespace that keeps raw sockets away', async () => {
      const session = { identity: 'pod-identity', region: 'us-west-2', roles: SESSION.roles };
      const policy = await countersign.newPolicy({ operators: [STAFF], session });
      const where = await countersign.governedNamespace(policy, { podSecurity: 'restricted' });
      const { session: container } = containersOf(await attributed(RESTRICTED, where));
      expect(envOf(container, 'COUNTERSIGN_IDENTITY')).toEqual({ value: 'pod-identity' });
      expect(envOf(container, 'COUNTERSIGN_REGION')).toEqual({ value: 'us-west-2' });
      expect(envOf(container, 'COUNTERSIGN_BASE_ROLE_ARN')).toBeUndefined();
      const open = await countersign.governedNamespace(policy, { podSecurity: 'baseline' });
      expect(await alice.refused(open, RESTRICTED)).toContain(
        `[PodSecurityMissing] namespace "${open}" does not enforce Pod Security "restricted" (it enforces "baseline")`,
      );
    });

    it('with keys in files, by an init container that ends', async () => {
      const where = await governed({ session: { ...SESSION, delivery: 'files', durationSeconds: 3600 } });
      const pod = await alice.api.createPod(where, podWith());
      expectAttributed(pod, 'alice@acme.com', { delivery: 'files' });
      const { session } = containersOf(pod);
      expect(session.lifecycle).toBeUndefined();
      expect(envOf(session, 'FAB_SESSION_DURATION')).toEqual({ value: '3600' });
    });

    it('with resources of its own', async () => {
      const resources = { requests: { cpu: '0.05', memory: '64Mi' }, limits: { cpu: '1', memory: '256Mi' } };
      const where = await governed({ session: { ...SESSION, resources } });
      const { session } = containersOf(await attributed(podWith(), where));
      expect(session.resources).toEqual({
        requests: { cpu: '50m', memory: '64Mi' },
        limits: { cpu: '1', memory: '256Mi' },
      });
    });

    async function governed(spec: object): Promise<string> {
      return countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF], ...spec }));
    }
  });
});

function namesIn(pod: V1Pod): readonly string[] {
  const volumes = pod.spec?.volumes?.map(({ name }) => name) ?? [];
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return [...volumes, ...containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name))];
}
