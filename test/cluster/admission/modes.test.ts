import type { V1Pod } from '@kubernetes/client-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../../src/names.ts';
import type { AuditEvent } from '../audit.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectAttributed, expectUntouched } from './support/attributed.ts';
import { ROLE, STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { podWith, podWithApp } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('how strictly a namespace is governed', () => {
  const countersign = useCountersign(cluster);
  let policy: string;
  let alice: Person;
  let mallory: Person;

  beforeAll(async () => {
    policy = await countersign.newPolicy({ operators: [STAFF] });
    [alice, mallory] = await Promise.all([
      countersign.person('alice@acme.com'),
      countersign.person('mallory@evil.example'),
    ]);
  });

  describe('enforce', () => {
    it('attributes, refuses, and says nothing more', async () => {
      const namespace = await countersign.governedNamespace(policy, { mode: 'enforce' });
      expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
      expect(await mallory.refused(namespace, podWith())).toContain('[NoOperatorRule]');
    });

    it.each(['Warn', 'off', 'audit-x'])('is what the unknown mode %s means, with a warning', async (mode) => {
      const namespace = await countersign.governedNamespace(policy, { mode });
      const warning = /^Warning: .*countersign\.dev\/mode .*enforce, warn, audit; enforcing\n/;
      const attributed = await alice.create(namespace, podWith());
      expect(attributed.stderr).toMatch(warning);
      expectAttributed(JSON.parse(attributed.stdout) as V1Pod, 'alice@acme.com');
      const refused = await mallory.create(namespace, podWith());
      expect(refused.stderr).toMatch(warning);
      expect(refused.stderr).toContain('denied the request: [NoOperatorRule]');
    });

    it('is what an empty mode means', async () => {
      const namespace = await countersign.governedNamespace(policy, { mode: '' });
      expect(await mallory.refused(namespace, podWith())).toContain('[NoOperatorRule]');
    });

    it('is recorded for a pod that is attributed', async () => {
      const namespace = await countersign.governedNamespace(policy);
      const event = await countersign.creationOf(await alice.created(namespace, podWith()));
      expect(ours(event)).toEqual({
        code: 'Attributed',
        mode: 'enforce',
        operator: 'alice@acme.com',
        policy,
        role: ROLE,
        rule: 'staff',
      });
    });

    it('is recorded for a pod that is refused because of who asks', async () => {
      const namespace = await countersign.governedNamespace(policy);
      await mallory.refused(namespace, podWith());
      expect(ours(await refusalIn(namespace))).toEqual({ code: 'NoOperatorRule', mode: 'enforce', policy });
    });

    it('is recorded, with the operator, for a pod that is refused because of what it holds', async () => {
      const namespace = await countersign.governedNamespace(policy);
      await alice.refused(namespace, podWith({ shareProcessNamespace: true }));
      expect(ours(await refusalIn(namespace))).toEqual({
        code: 'SharedProcessNamespace',
        mode: 'enforce',
        operator: 'alice@acme.com',
        policy,
        rule: 'staff',
      });
    });

    it('is recorded for a namespace without its policy', async () => {
      const namespace = await countersign.governedNamespace('no-such-policy');
      await alice.refused(namespace, podWith());
      expect(ours(await refusalIn(namespace))).toEqual({
        code: 'PolicyMissing',
        mode: 'enforce',
        policy: 'no-such-policy',
      });
    });
  });

  describe('warn', () => {
    let namespace: string;
    beforeAll(async () => {
      namespace = await countersign.governedNamespace(policy, { mode: 'warn' });
    });

    it('attributes without a word', async () => {
      expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
    });

    it('lets the rest pass untouched, and kubectl shows why that will end', async () => {
      const { status, stdout, stderr } = await mallory.create(namespace, podWith());
      expect(status).toBe(0);
      expectUntouched(JSON.parse(stdout) as V1Pod);
      expect(stderr).toMatch(
        /^Warning: not attributed, would be refused in enforce mode: \[NoOperatorRule\] no operator rule of policy ".+" matches user "mallory@evil\.example"\. Next: Ask a cluster admin/,
      );
    });

    it('lets a pod pass whose namespace has no Pod Security', async () => {
      const open = await countersign.governedNamespace(policy, { mode: 'warn', podSecurity: '' });
      const { status, stdout, stderr } = await alice.create(open, podWith());
      expect(status).toBe(0);
      expectUntouched(JSON.parse(stdout) as V1Pod);
      expect(stderr).toContain('[PodSecurityMissing]');
    });

    it('lets pods pass whose policy is missing', async () => {
      const orphan = await countersign.governedNamespace('no-such-policy', { mode: 'warn' });
      const { status, stderr } = await alice.create(orphan, podWith());
      expect(status).toBe(0);
      expect(stderr).toContain('Warning: not attributed, would be refused in enforce mode: [PolicyMissing]');
    });

    it('records what enforce would have done', async () => {
      const { stdout } = await mallory.create(namespace, podWith());
      const event = await countersign.creationOf(JSON.parse(stdout) as V1Pod);
      expect(ours(event)).toEqual({ code: 'NoOperatorRule', mode: 'warn', policy });
    });
  });

  describe('audit', () => {
    let namespace: string;
    beforeAll(async () => {
      namespace = await countersign.governedNamespace(policy, { mode: 'audit' });
    });

    it('changes nothing of a pod that enforce would attribute, and records it', async () => {
      const pod = await alice.created(namespace, podWith());
      expectUntouched(pod);
      expect(ours(await countersign.creationOf(pod))).toMatchObject({
        code: 'Attributed',
        mode: 'audit',
        operator: 'alice@acme.com',
      });
    });

    it('lets a pod pass without a word that enforce would refuse, and records it', async () => {
      const pod = await mallory.created(namespace, podWith());
      expectUntouched(pod);
      expect(ours(await countersign.creationOf(pod))).toEqual({ code: 'NoOperatorRule', mode: 'audit', policy });
    });

    it('leaves even what claims to be another’s as it is, and records it', async () => {
      const env = [{ name: 'FAB_OPERATOR', value: 'bob@acme.com' }];
      const pod = await alice.created(namespace, podWithApp({ env }));
      expect(pod.spec?.containers[0]?.env).toEqual(env);
      expect(ours(await countersign.creationOf(pod))).toMatchObject({ code: 'OperatorClaimedByOther', mode: 'audit' });
    });

    it('counts what enforce would have done', async () => {
      const count = (code: string) =>
        countersign.process.metric('countersign_decisions_total', { code, mode: 'audit' });
      const [attributed, refused] = await Promise.all([count('Attributed'), count('NoOperatorRule')]);
      await alice.api.createPod(namespace, podWith());
      await mallory.api.createPod(namespace, podWith());
      expect(await count('Attributed')).toBe(attributed + 1);
      expect(await count('NoOperatorRule')).toBe(refused + 1);
    });
  });

  it('is not what a cache remembers, once the API server goes by enforce', async () => {
    const namespace = await countersign.governedNamespace(policy, { mode: 'audit' });
    await mallory.api.createPod(namespace, podWith());
    await countersign.label(namespace, { [LABEL.mode]: 'enforce' });
    await until('pods are refused', async () => {
      return (await mallory.api.postPod(namespace, podWith())).status === 403;
    });
    for (let round = 0; round < 10; round += 1) await mallory.api.refusal(namespace, podWith());
    const events = await cluster.untilAudited({ resource: 'pods', verb: 'create', namespace, code: 403 }, 11);
    const all = [...events, ...cluster.auditEvents({ resource: 'pods', verb: 'create', namespace, code: 201 })];
    // The webhook for enforced namespaces never answered as one does in audit.
    const modes = all.flatMap(({ annotations = {} }) => annotations['pods.countersign.dev/mode'] ?? []);
    expect(new Set(modes)).toEqual(new Set(['enforce']));
  });

  it('can be switched without a change to any workload', async () => {
    const namespace = await countersign.governedNamespace(policy, { mode: 'audit' });
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'x', image: 'x' }] } };
    const spec = { replicas: 2, selector: { matchLabels: { app: 'x' } }, template };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' }, spec };
    await alice.kubectl(['apply', '-n', namespace, '-f', '-'], JSON.stringify(deployment));
    await until('the Deployment has its pods', async () => (await pods(namespace)).length === 2);
    const before = await pods(namespace);

    for (const [mode, admitted, attributed] of [
      ['warn', true, true],
      ['enforce', false, true],
      ['audit', true, false],
      [null, false, true],
    ] as const) {
      await countersign.label(namespace, { [LABEL.mode]: mode });
      await until(`the mode is ${mode}`, async () => {
        const others = await mallory.api.postPod(namespace, podWith(), { dryRun: true });
        const own = await alice.api.createPod(namespace, podWith(), { dryRun: true });
        return (others.status === 201) === admitted && (own.spec?.initContainers !== undefined) === attributed;
      });
    }
    expect(await pods(namespace)).toEqual(before);
    const { stdout } = await alice.kubectl([
      'get',
      'deployment',
      'x',
      '-n',
      namespace,
      '-o=jsonpath={.metadata.generation}',
    ]);
    expect(stdout).toBe('1');
  });

  /** Names and versions of the pods in a namespace. */
  async function pods(namespace: string): Promise<readonly string[]> {
    const template = '{range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}';
    const { stdout } = await alice.kubectl(['get', 'pods', '-n', namespace, `-o=jsonpath=${template}`]);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .toSorted();
  }

  async function refusalIn(namespace: string): Promise<AuditEvent> {
    const [event] = await cluster.untilAudited({ resource: 'pods', verb: 'create', namespace, code: 403 });
    if (event === undefined) throw new Error('there is none');
    return event;
  }
});

/** The audit annotations under the webhooks' names, without them. */
function ours({ annotations = {} }: AuditEvent): Record<string, string> {
  const entries = Object.entries(annotations).flatMap(([key, value]) => {
    const [, own] = /^(?:unenforced\.)?pods\.countersign\.dev\/(.+)$/.exec(key) ?? [];
    return own === undefined ? [] : [[own, value] as const];
  });
  return Object.fromEntries(entries);
}
