import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { containersOf, expectAttributed } from './support/attributed.ts';
import { SESSION, STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { APP, podWith, podWithApp } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('an attributed pod fits', () => {
  const countersign = useCountersign(cluster);
  let policy: string;
  let alice: Person;

  beforeAll(async () => {
    policy = await countersign.newPolicy({ operators: [STAFF] });
    alice = await countersign.person('alice@acme.com');
  });

  describe('Pod Security', () => {
    /** What an author has to write for `restricted`. */
    const securityContext = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } };
    const restricted = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    const spec = { securityContext, containers: [{ ...APP, securityContext: restricted }] };

    it.each([
      ['by web identity, renewed', SESSION],
      ['by web identity, in files', { ...SESSION, delivery: 'files' }],
      ['by Pod Identity', { identity: 'pod-identity', region: SESSION.region, roles: SESSION.roles }],
    ] as const)('restricted, with credentials %s', async (_, session) => {
      const chosen = await countersign.newPolicy({ operators: [STAFF], session });
      const namespace = await countersign.governedNamespace(chosen, { podSecurity: 'restricted' });
      // It fails on a warning too.
      const pod = await alice.created(namespace, podWith(spec));
      expectAttributed(pod, 'alice@acme.com', { delivery: 'delivery' in session ? session.delivery : 'sidecar' });
    });

    it('restricted, where only containers say what they need', async () => {
      const namespace = await countersign.governedNamespace(policy, { podSecurity: 'restricted' });
      const app = { ...APP, securityContext: { ...restricted, ...securityContext } };
      expectAttributed(await alice.created(namespace, podWith({ containers: [app] })), 'alice@acme.com');
    });

    it('restricted, where the pod asks for what only others forbid', async () => {
      const namespace = await countersign.governedNamespace(policy, { podSecurity: 'restricted' });
      const { status, stderr } = await alice.create(namespace, podWith());
      expect(status).toBe(1);
      // The author's container is named, and ours is not.
      expect(stderr).toContain('container "app" must set');
      expect(stderr).not.toContain('"countersign"');
    });

    it('restricted, warned of and audited', async () => {
      const namespace = await countersign.namespace({
        'countersign.dev/policy': policy,
        'pod-security.kubernetes.io/enforce': 'baseline',
        'pod-security.kubernetes.io/warn': 'restricted',
      });
      expectAttributed(await alice.created(namespace, podWith(spec)), 'alice@acme.com');
      const { stderr } = await alice.create(namespace, podWith());
      expect(stderr).toContain('Warning: would violate PodSecurity "restricted:latest"');
      expect(stderr).not.toContain('countersign');
    });
  });

  describe('a LimitRange', () => {
    it('whose defaults come too early for the session container', async () => {
      const namespace = await withLimits({
        type: 'Container',
        default: { cpu: '200m', memory: '256Mi' },
        defaultRequest: { cpu: '100m', memory: '64Mi' },
      });
      const pod = await alice.created(namespace, podWith());
      expectAttributed(pod, 'alice@acme.com');
      const { session, others } = containersOf(pod);
      expect(session.resources).toEqual({
        requests: { cpu: '10m', memory: '40Mi' },
        limits: { cpu: '500m', memory: '128Mi' },
      });
      expect(others[0]?.resources).toEqual({
        requests: { cpu: '100m', memory: '64Mi' },
        limits: { cpu: '200m', memory: '256Mi' },
      });
    });

    it('whose bounds it keeps', async () => {
      const namespace = await withLimits({
        type: 'Container',
        min: { cpu: '10m', memory: '40Mi' },
        max: { cpu: '500m', memory: '1Gi' },
      });
      const resources = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '100m', memory: '64Mi' } };
      expectAttributed(await alice.created(namespace, podWithApp({ resources })), 'alice@acme.com');
    });

    it('for the whole pod', async () => {
      const namespace = await withLimits({ type: 'Pod', max: { cpu: '1', memory: '512Mi' } });
      const resources = { limits: { cpu: '500m', memory: '384Mi' } };
      expectAttributed(await alice.created(namespace, podWithApp({ resources })), 'alice@acme.com');
    });

    it('that asks for more, once the policy gives it', async () => {
      const min = { cpu: '50m', memory: '64Mi' };
      const limits = { type: 'Container', min, maxLimitRequestRatio: { cpu: '2' } };
      const resources = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '100m', memory: '64Mi' } };
      const tight = await withLimits(limits);
      const { stderr } = await alice.create(tight, podWithApp({ resources }));
      expect(stderr).toContain('minimum cpu usage per Container is 50m, but request is 10m');

      const session = {
        ...SESSION,
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { cpu: '100m' } },
      };
      const fitting = await withLimits(limits, await countersign.newPolicy({ operators: [STAFF], session }));
      expectAttributed(await alice.created(fitting, podWithApp({ resources })), 'alice@acme.com');
    });

    async function withLimits(limit: object, chosen = policy): Promise<string> {
      const namespace = await countersign.governedNamespace(chosen);
      const path = `/api/v1/namespaces/${namespace}/limitranges`;
      const { status } = await countersign.admin.call('POST', path, {
        body: { metadata: { name: 'limits' }, spec: { limits: [limit] } },
      });
      expect(status).toBe(201);
      // The API server knows it a moment later, which a pod without anything shows.
      await until('the LimitRange is in force', async () => {
        const bare = podWith({
          containers: [{ ...APP, resources: { limits: { cpu: '4k' }, requests: { cpu: '1m' } } }],
        });
        const { body } = await alice.api.postPod(namespace, bare, { dryRun: true });
        return (
          body.message?.includes('per Container') ||
          body.message?.includes('per Pod') ||
          JSON.stringify(body).includes('256Mi')
        );
      });
      return namespace;
    }
  });

  describe('a ResourceQuota', () => {
    const resources = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '200m', memory: '128Mi' } };
    const compute = ['requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory', 'pods'];

    it('which counts the session container too', async () => {
      const namespace = await withQuota(['1', '1Gi', '2', '2Gi', '4']);
      expectAttributed(await alice.created(namespace, podWithApp({ resources })), 'alice@acme.com');
      await until('the quota has counted', async () => {
        const used = await usage(namespace);
        expect(used).toEqual({
          'requests.cpu': '110m',
          'requests.memory': '104Mi',
          'limits.cpu': '700m',
          'limits.memory': '256Mi',
          pods: '1',
        });
        return true;
      });
    });

    it('and which refuses what goes beyond it', async () => {
      const namespace = await withQuota(['150m', '1Gi', '2', '2Gi', '4']);
      expectAttributed(await alice.created(namespace, podWithApp({ resources })), 'alice@acme.com');
      const { status, stderr } = await alice.create(namespace, podWithApp({ resources }));
      expect(status).toBe(1);
      expect(stderr).toContain(
        'exceeded quota: quota, requested: requests.cpu=110m, used: requests.cpu=110m, limited: requests.cpu=150m',
      );
    });

    it('and which an author must still fulfil for the own containers', async () => {
      const namespace = await withQuota(['1', '1Gi', '2', '2Gi', '4']);
      const { stderr } = await alice.create(namespace, podWith());
      expect(stderr).toContain('must specify');
      expect(stderr).toContain('for: app');
      expect(stderr).not.toContain('countersign,');
    });

    async function withQuota(amounts: readonly string[]): Promise<string> {
      const namespace = await countersign.governedNamespace(policy);
      const hard = Object.fromEntries(compute.map((name, index) => [name, amounts[index]]));
      const path = `/api/v1/namespaces/${namespace}/resourcequotas`;
      await countersign.admin.call('POST', path, { body: { metadata: { name: 'quota' }, spec: { hard } } });
      await until('the controller knows the quota', async () => Object.keys(await usage(namespace)).length > 0);
      return namespace;
    }

    async function usage(namespace: string): Promise<Readonly<Record<string, string>>> {
      const path = `/api/v1/namespaces/${namespace}/resourcequotas/quota`;
      const { body } = await countersign.admin.call<{ status?: { used?: Record<string, string> } }>('GET', path);
      return body.status?.used ?? {};
    }
  });
});
