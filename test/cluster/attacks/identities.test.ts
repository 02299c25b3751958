import { beforeAll, describe, expect, it } from 'vitest';
import { CARRIERS } from './support/carriers.ts';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { ALICE, apply } from '../attribution/support/scene.ts';
import { pathOf, type Stored } from '../attribution/support/store.ts';
import { running, TEMPLATED, workload } from '../attribution/support/workloads.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { BOT, EVE, MALLORY, useArena } from './support/arena.ts';
import { codeOf, kubectlCode, namedOn, tokensOn } from './support/attempts.ts';

const cluster = connect();

const ON_BEHALF_OF = 'countersign.dev/on-behalf-of';
const RESTAMP = 'countersign.dev/restamp';
const EVIL = { spec: { template: { spec: running('evil:1') } } };
const INJECTED = { spec: { template: { metadata: { annotations: { 'sidecar.istio.io/proxyImage': 'evil:1' } } } } };

describe.skipIf(cluster.unavailable)('to be another requester', () => {
  const arena = useArena(cluster);
  let namespace: string;
  let here: string;

  beforeAll(async () => {
    namespace = await arena.governed();
    here = `system:serviceaccount:${namespace}:default`;
    for (const kind of ['Deployment', 'CronJob'] as const) {
      await apply(
        arena.scene.alice,
        namespace,
        workload(kind, 'theirs', {}, kind === 'CronJob' ? {} : { replicas: 0 }),
      );
    }
  });

  const as = (user: string, ...groups: string[]) => ({
    'impersonate-user': user,
    ...(groups.length > 0 && { 'impersonate-group': groups }),
  });
  const change = (by: Person, body: object, headers: Record<string, string | string[]> = {}) =>
    by.api.call<Stored & { message?: string }>('PATCH', pathOf('Deployment', namespace, 'theirs'), { body, headers });
  const create = (by: Person, body: object, headers: Record<string, string | string[]> = {}) =>
    by.api.call<Stored & { message?: string }>('POST', pathOf('Deployment', namespace), { body, headers });
  const named = (name: string, annotations: object, pod: object = {}) => ({
    ...workload('Deployment', name, pod, { replicas: 0 }),
    metadata: { name, annotations },
  });

  describe('a service account of the namespace', () => {
    it('changes no template when somebody impersonates it, neither what runs nor what injectors obey', async () => {
      for (const by of [arena.eve, arena.mallory]) {
        expect(codeOf(await change(by, EVIL, as(here)))).toBe('TemplateChanged');
        expect(codeOf(await change(by, INJECTED, as(here)))).toBe('TemplateChanged');
      }
      expect(namedOn(arena.scene, await arena.scene.store.get('Deployment', namespace, 'theirs')).stamp).toBe(ALICE);
    });

    it('nor by a token of its own', async () => {
      const account = await arena.scene.countersign.serviceAccount(namespace, 'ci');
      expect(codeOf(await change(account, EVIL))).toBe('TemplateChanged');
      expect(codeOf(await change(account, INJECTED))).toBe('TemplateChanged');
    });

    it.each(TEMPLATED)('creates no %s', async (kind) => {
      const body = workload(kind, 'robots');
      const { status, body: answer } = await arena.eve.api.call<{ message?: string }>('POST', pathOf(kind, namespace), {
        body,
        headers: as(here),
      });
      expect(codeOf({ status, body: answer, warnings: [] })).toBe('NotHuman');
    });

    it('lends its token to nobody, for no audience', async () => {
      for (const by of [arena.eve, arena.mallory]) {
        const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
        for (const spec of [{}, { audiences: ['sts.amazonaws.com'], expirationSeconds: 31_536_000 }]) {
          expect(codeOf(await by.api.call('POST', path, { body: { spec } }))).toBe('TokenRequested');
        }
        const secret = {
          metadata: { name: 'token', annotations: { 'kubernetes.io/service-account.name': 'default' } },
          type: 'kubernetes.io/service-account-token',
        };
        const secrets = `/api/v1/namespaces/${namespace}/secrets`;
        expect(codeOf(await by.api.call('POST', secrets, { body: secret }))).toBe('TokenSecretWritten');
      }
    });
  });

  describe('a carrier or a delegator', () => {
    it.each([...CARRIERS, BOT])('%s is impersonated by nobody here, and believed from nobody', async (account) => {
      for (const by of [arena.eve, arena.mallory]) {
        expect(codeOf(await change(by, EVIL, as(account)))).toMatch(/^403 .*cannot impersonate/);
      }
      // The administrator may; Countersign does not believe that either.
      const code = codeOf(await change(arena.scene.countersign.administrator, EVIL, as(account)));
      expect(['TemplateChanged', 'DelegatorDoubtful']).toContain(code);
    });

    it('of another policy is nobody here', async () => {
      const policy = await arena.scene.countersign.newPolicy({
        operators: [{ name: 'x', match: { username: '(x)' } }],
      });
      const other = await arena.scene.countersign.governedNamespace(policy);
      const bot = await arena.scene.account('attacks-platform', 'bot');
      const body = named('other', { [ON_BEHALF_OF]: ALICE });
      const answer = await bot.api.call<{ message?: string }>('POST', pathOf('Deployment', other), { body });
      expect(codeOf(answer)).toBe('NotHuman');
      expect(codeOf(await arena.scene.alice.api.call('POST', pathOf('Deployment', other), { body }))).toBe(
        'NoOperatorRule',
      );
    });
  });

  describe('somebody else by a claim', () => {
    it.each<[string, object, string]>([
      ['an annotation on the workload', named('claims', { [ON_BEHALF_OF]: ALICE }), 'OperatorClaimedByOther'],
      [
        'a variable',
        named('claims', {}, { containers: [{ ...APP, env: [{ name: 'FAB_OPERATOR', value: ALICE }] }] }),
        'OperatorClaimedByOther',
      ],
      [
        'a variable that is there twice',
        named(
          'claims',
          {},
          { containers: [{ ...APP, env: [EVE, ALICE].map((value) => ({ name: 'FAB_OPERATOR', value })) }] },
        ),
        'OperatorClaimUnclear',
      ],
      [
        'a variable from a ConfigMap',
        named(
          'claims',
          {},
          {
            containers: [
              { ...APP, env: [{ name: 'FAB_OPERATOR', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }] },
            ],
          },
        ),
        'OperatorClaimUnclear',
      ],
      [
        'a reference to another variable',
        named('claims', {}, { containers: [{ ...APP, env: [{ name: 'FAB_OPERATOR', value: '$(WHO)' }] }] }),
        'OperatorClaimUnclear',
      ],
      [
        'a name with a letter that looks alike',
        named('claims', { [ON_BEHALF_OF]: 'аlice@acme.com' }),
        'OperatorClaimedByOther',
      ],
      [
        'an annotation that restamps',
        named('claims', { [RESTAMP]: `{"operator":"${ALICE}","reason":"x"}` }),
        'RestampNotAllowed',
      ],
    ])('%s is refused', async (_, body, code) => {
      expect(codeOf(await create(arena.eve, body))).toBe(code);
      expect(codeOf(await create(arena.mallory, body))).toBe(code);
    });

    it('restamping what is theirs is for whoever has the verb', async () => {
      const annotations = { [RESTAMP]: JSON.stringify({ operator: EVE, reason: 'mine now' }) };
      expect(codeOf(await change(arena.eve, { metadata: { annotations } }))).toBe('RestampNotAllowed');
      expect(codeOf(await change(arena.mallory, { metadata: { annotations } }))).toBe('RestampNotAllowed');
    });

    it('a copy of their pod, as kubectl debug makes one, is refused, or one’s own', async () => {
      await arena.scene.alice.api.createPod(namespace, { metadata: { name: 'copied' }, spec: { containers: [APP] } });
      const args = ['debug', 'copied', '--copy-to=copy', '--image=evil:1', '--container=app'];
      expect(await kubectlCode(arena.eve, namespace, [...args, '--', 'sh'])).toBe('OperatorClaimedByOther');
    });

    it('keys that look like ours say nothing', async () => {
      const theirs = await arena.scene.store.get('Deployment', namespace, 'theirs');
      const { stamp = '' } = tokensOn(theirs);
      const keys = [
        'Countersign.dev/stamp',
        'countersign.dev./stamp',
        'xcountersign.dev/stamp',
        'countersign.dev/Stamp',
      ];
      const made = await create(arena.eve, named('alike', Object.fromEntries(keys.map((key) => [key, stamp]))));
      if (made.status === 201) expect(namedOn(arena.scene, made.body)).toEqual({ stamp: EVE, custody: 'nobody' });
      else expect(made.status).toBe(422);
    });

    it('an annotation as large as they come leaves no room for a stamp, and so for no object', async () => {
      const made = await create(arena.eve, named('large', { padding: 'x'.repeat(262_100) }));
      expect([made.status, made.body.message]).toEqual([422, expect.stringContaining('annotations')]);
    });

    it('a dry run tells, and changes nothing', async () => {
      const before = tokensOn(await arena.scene.store.get('Deployment', namespace, 'theirs'));
      const path = `${pathOf('Deployment', namespace, 'theirs')}?dryRun=All`;
      const { body } = await arena.eve.api.call<Stored>('PATCH', path, { body: EVIL });
      expect(namedOn(arena.scene, body)).toEqual({ stamp: EVE, custody: 'nobody' });
      expect(tokensOn(await arena.scene.store.get('Deployment', namespace, 'theirs'))).toEqual(before);
    });
  });

  describe('a running session', () => {
    it('neither creates nor changes what runs', async () => {
      const headers = as(ALICE, 'system:authenticated', 'countersign.dev:session:4b8ad2ea');
      const admin = arena.scene.countersign.administrator;
      expect(codeOf(await create(admin, workload('Deployment', 'nested'), headers))).toBe('SessionRequester');
      expect(codeOf(await change(admin, EVIL, headers))).toBe('SessionRequester');
      expect(codeOf(await change(admin, INJECTED, headers))).toBe('SessionRequester');
    });
  });

  it('whoever changes their template for oneself is its author', async () => {
    await apply(arena.scene.alice, namespace, workload('Deployment', 'turned', {}, { replicas: 1 }));
    await arena.scene.store.untilPods(namespace, 'turned', 1);
    const path = pathOf('Deployment', namespace, 'turned');
    await arena.mallory.api.call('PATCH', path, { body: INJECTED });
    expect(namedOn(arena.scene, await arena.scene.store.get('Deployment', namespace, 'turned')).stamp).toBe(MALLORY);
    const pods = await until('a pod with the annotation', async () => {
      const all = await arena.scene.store.list('Pod', namespace, { app: 'turned' });
      const found = all.filter(({ metadata }) => metadata.annotations?.['sidecar.istio.io/proxyImage'] !== undefined);
      return found.length > 0 && found;
    });
    for (const pod of pods) expect(namedOn(arena.scene, pod).stamp).toBe(MALLORY);
  });
});
