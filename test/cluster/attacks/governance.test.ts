import { beforeAll, describe, expect, it } from 'vitest';
import { STAFF } from '../admission/support/countersign.ts';
import { STAMP } from '../attribution/support/lineage.ts';
import { ALICE, apply } from '../attribution/support/scene.ts';
import { pathOf, type Stored } from '../attribution/support/store.ts';
import { running, workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { EVE, useArena } from './support/arena.ts';
import { codeOf, kubectlCode, namedOn, tokensOn } from './support/attempts.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('to leave governance', () => {
  const arena = useArena(cluster);
  let namespace: string;

  beforeAll(async () => {
    namespace = await arena.governed();
  });

  it.each<[string, object, string]>([
    ['without a policy', { labels: { 'countersign.dev/policy': null } }, 'GovernanceChanged'],
    ['under another one', { labels: { 'countersign.dev/policy': 'mine' } }, 'GovernanceChanged'],
    ['where nothing is refused', { labels: { 'countersign.dev/mode': 'warn' } }, 'GovernanceChanged'],
    ['where nothing is done', { labels: { 'countersign.dev/mode': 'audit' } }, 'GovernanceChanged'],
    ['with another date', { annotations: { 'countersign.dev/governed-since': 'x' } }, 'GovernanceChanged'],
    ['without a date', { annotations: { 'countersign.dev/governed-since': null } }, 'GovernanceChanged'],
    ['with host namespaces', { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } }, 'PodSecurityLowered'],
    [
      'with an old Pod Security',
      { labels: { 'pod-security.kubernetes.io/enforce-version': 'v1.20' } },
      'PodSecurityLowered',
    ],
  ])('%s, also for whoever owns the namespace', async (_, metadata, code) => {
    for (const path of ['', '/status', '/finalize']) {
      const answer = await arena.mallory.api.call<{ message?: string }>(
        'PATCH',
        `/api/v1/namespaces/${namespace}${path}`,
        {
          body: { metadata },
        },
      );
      // There is no PATCH of finalizers.
      if (path === '/finalize' && answer.status === 405) continue;
      expect({ path, code: codeOf(answer) }).toEqual({ path, code });
    }
    const eve = await arena.eve.api.call<{ message?: string }>('PATCH', `/api/v1/namespaces/${namespace}`, {
      body: { metadata },
    });
    expect(codeOf(eve)).toMatch(/^403 .*cannot patch/);
  });

  it('a verb of ours is in no Role, however much that gives', async () => {
    for (const verb of ['govern', 'restamp', 'mint-tokens', 'break-glass']) {
      const args = ['auth', 'can-i', verb, 'attributionpolicies.countersign.dev', '--all-namespaces'];
      expect((await arena.mallory.kubectl(args)).stdout.trim()).toBe('no');
    }
    expect(await kubectlCode(arena.mallory, namespace, ['create', 'token', 'default'])).toBe('TokenRequested');
  });

  describe('from a namespace in warn, which refuses nothing, to one that enforces', () => {
    it('nothing gets along that Countersign did not sign for it', async () => {
      const warned = await arena.governed({ mode: 'warn' });
      await apply(arena.scene.alice, warned, workload('Deployment', 'loot', {}, { replicas: 0 }));
      const { stamp = '' } = tokensOn(await arena.scene.store.get('Deployment', warned, 'loot'));
      await arena.eve.api.call('DELETE', pathOf('Deployment', warned, 'loot'));
      // A claim of somebody else's name is only warned of, and what is not decided is not signed.
      const body = {
        ...workload('Deployment', 'loot', {}, { replicas: 0 }),
        metadata: { name: 'loot', annotations: { [STAMP]: stamp, 'countersign.dev/on-behalf-of': ALICE } },
      };
      const made = await arena.eve.api.call<Stored>('POST', pathOf('Deployment', warned), { body });
      expect(made.warnings.join()).toContain('[OperatorClaimedByOther]');
      expect(namedOn(arena.scene, made.body).stamp).toBe('nobody');
      await arena.scene.countersign.label(warned, { 'countersign.dev/mode': null });
      await until('it is enforced', async () => {
        const code = codeOf(await arena.mallory.api.call('POST', pathOf('Deployment', warned), { body }));
        return code === 'OperatorClaimedByOther';
      });
      await arena.scene.countersign.admin.call('PATCH', pathOf('Deployment', warned, 'loot'), {
        body: { spec: { replicas: 1 } },
      });
      // While the mode changes, the guard may be the first to enforce it; once it has, the owner is what is looked at.
      await until('its pods are refused', async () => {
        const failures = await arena.scene.store.failures(warned);
        return failures.some((each) => each.message?.includes('[OwnerNotAttributed]'));
      });
    });
  });
});

describe.skipIf(cluster.unavailable)('to be passed over, where a policy selects by label', () => {
  const arena = useArena(cluster, { operators: [STAFF], pods: { labels: { agent: 'yes' } } });
  let namespace: string;

  beforeAll(async () => {
    namespace = await arena.governed();
  });

  const labelled = (name: string, labels: object, image = 'app:1') => {
    const made = workload('Deployment', name, running(image), { replicas: 0 });
    const template = { metadata: { labels: { app: name, ...labels } }, spec: running(image) };
    return { ...made, spec: { ...made.spec, template } };
  };

  it('what is not selected carries no statement, whatever was planted; selected later, its pods need one', async () => {
    await apply(arena.scene.alice, namespace, labelled('loot', { agent: 'yes' }));
    const { stamp = '' } = tokensOn(await arena.scene.store.get('Deployment', namespace, 'loot'));
    await arena.eve.api.call('DELETE', pathOf('Deployment', namespace, 'loot'));
    const body = { ...labelled('loot', {}), metadata: { name: 'loot', annotations: { [STAMP]: stamp } } };
    const made = await arena.eve.api.call<Stored>('POST', pathOf('Deployment', namespace), { body });
    expect(namedOn(arena.scene, made.body)).toEqual({ stamp: 'nobody', custody: 'nobody' });
    const { spec } = labelled('loot', { agent: 'yes' });
    const selected = await arena.eve.api.call<Stored>('PATCH', pathOf('Deployment', namespace, 'loot'), {
      body: { spec },
    });
    expect(namedOn(arena.scene, selected.body)).toEqual({ stamp: EVE, custody: 'nobody' });
  });

  it('whoever takes something out of the selection takes the name off with it', async () => {
    await apply(arena.scene.alice, namespace, labelled('theirs', { agent: 'yes' }));
    const answer = await arena.eve.api.call<Stored & { message?: string }>(
      'PATCH',
      pathOf('Deployment', namespace, 'theirs'),
      {
        body: { spec: { template: { metadata: { labels: { agent: null } } } } },
        headers: { 'impersonate-user': `system:serviceaccount:${namespace}:default` },
      },
    );
    expect(codeOf(answer)).toBe('done');
    expect(namedOn(arena.scene, answer.body)).toEqual({ stamp: 'nobody', custody: 'nobody' });
  });
});
