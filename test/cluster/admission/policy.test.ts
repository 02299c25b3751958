import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { KubectlResult } from '../cluster.ts';
import { OBJECT } from '../../../src/names.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectAttributed } from './support/attributed.ts';
import { policy, SESSION, STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { podWith } from './support/pods.ts';
import { untilPoliciesUnchecked } from './support/registration.ts';
import { review } from './support/review.ts';
import { useCountersign } from './support/use.ts';
import { WebhookProcess } from './support/webhook-process.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('writing a policy', () => {
  const countersign = useCountersign(cluster);
  let alice: Person;
  const applied: string[] = [];

  beforeAll(async () => {
    alice = await countersign.person('alice@acme.com');
  });
  afterAll(async () => {
    for (const name of applied) await countersign.deletePolicy(name);
  });

  /** `kubectl apply` by an admin, of YAML as a person would write it. */
  function apply(spec: object, name = countersign.newName(), ...flags: readonly string[]): Promise<KubectlResult> {
    applied.push(name);
    return countersign.administrator.kubectl(['apply', '-f', '-', ...flags], stringify(policy(name, spec)));
  }

  async function rejected(spec: object, name?: string): Promise<string> {
    const { status, stderr } = await apply(spec, name);
    expect(status).toBe(1);
    return stderr;
  }

  it('that is right says so and nothing else', async () => {
    const name = countersign.newName();
    expect(await apply({ operators: [STAFF] }, name)).toEqual({
      status: 0,
      stdout: `attributionpolicy.countersign.dev/${name} created\n`,
      stderr: '',
    });
  });

  it('again without a change changes nothing', async () => {
    const name = countersign.newName();
    await apply({ operators: [STAFF] }, name);
    expect(await apply({ operators: [STAFF] }, name)).toMatchObject({
      stdout: `attributionpolicy.countersign.dev/${name} unchanged\n`,
      stderr: '',
    });
  });

  it('keeps saying what its author wrote, without defaults', async () => {
    const name = countersign.newName();
    await apply({ operators: [STAFF] }, name);
    const get = ['get', 'attributionpolicy', name, '-o=jsonpath={.spec}'];
    const { stdout } = await countersign.administrator.kubectl(get);
    expect(JSON.parse(stdout)).toEqual({ operators: [STAFF], session: SESSION });
  });

  it('is for admins: an editor may not', async () => {
    const { status, stderr } = await alice.kubectl(['create', '-f', '-'], stringify(policy('mine', {})));
    expect(status).toBe(1);
    expect(stderr).toContain('User "alice@acme.com" cannot create resource "attributionpolicies"');
  });

  describe('is refused by the CRD alone', () => {
    it.each([
      ['without a session', { session: null }, 'spec.session'],
      ['with a role that is none', { session: { ...SESSION, roles: [{ arn: 'agent' }] } }, 'spec.session.roles[0].arn'],
      [
        'with keys that live too long',
        { session: { ...SESSION, durationSeconds: 7200 } },
        'spec.session.durationSeconds',
      ],
      ['with an identity that does not exist', { session: { ...SESSION, identity: 'keys' } }, 'spec.session.identity'],
      ['with a rule without a name', { operators: [{ match: { username: '(.+)' } }] }, 'spec.operators[0].name'],
    ])('%s', async (_, spec, path) => {
      const stderr = await rejected(spec);
      expect(stderr).toContain('is invalid');
      expect(stderr).toContain(path);
      expect(stderr).not.toContain('admission webhook');
    });
  });

  describe('is refused by the webhook, with the path and the reason,', () => {
    it.each([
      [
        'with a pattern that is none',
        { operators: [{ name: 'broken', match: { username: '(' } }] },
        'spec.operators[0].match.username: is not RE2:',
      ],
      [
        'with a pattern with flags',
        { operators: [{ name: 'folded', match: { username: '(?i)(.+)' } }] },
        'spec.operators[0].match.username: uses inline flags',
      ],
      [
        'with a pattern that captures nothing',
        { operators: [{ name: 'blind', match: { username: '.+@acme\\.com' } }] },
        'spec.operators[0].match.username: has 0 capture groups',
      ],
      [
        'with two rules of one name',
        { operators: [STAFF, { ...STAFF, match: { username: '(.+)' } }] },
        'spec: two rules are named "staff"',
      ],
      [
        'with an audience that AWS takes',
        { allow: { tokenAudiences: ['vault', 'sts.amazonaws.com'] } },
        "spec.allow.tokenAudiences[1]: a token for sts.amazonaws.com gives the agent AWS credentials without the operator's name",
      ],
      [
        'with an empty match',
        { operators: [{ name: 'all', match: {} }] },
        'spec.operators[0].match: needs at least one of username, groups, extra',
      ],
      [
        'with web identity and no base role',
        { session: { ...SESSION, baseRole: undefined } },
        'spec.session.baseRole: is needed with identity irsa',
      ],
      ['with an unknown field', { operators: [STAFF], operater: [] }, 'spec.operater: unknown field'],
      [
        'with a misspelt condition, without which a rule would match everybody',
        { operators: [{ name: 'admins', match: { username: '(.+)', group: ['admins'] } }] },
        'spec.operators[0].match.group: unknown field',
      ],
      [
        'with an audience that the API server takes',
        { allow: { tokenAudiences: ['https://kubernetes.default.svc'] } },
        "spec.allow.tokenAudiences[0]: a token for https://kubernetes.default.svc gives the agent Kubernetes credentials without the operator's name",
      ],
      [
        'with a preset that lacks what it needs',
        { operators: [{ name: 'eks', preset: 'eks-iam-user' }] },
        'spec.operators[0].with.account:',
      ],
    ])('%s', async (_, spec, problem) => {
      const stderr = await rejected(spec);
      expect(stderr).toContain('admission webhook "policies.countersign.dev" denied the request: [PolicyRejected]');
      expect(stderr).toContain(problem);
      expect(stderr).toContain('Next: Mend what is named; "countersign policy lint FILE" checks it');
    });

    it('all of them at once', async () => {
      const stderr = await rejected({
        operators: [{ name: 'broken', match: { username: '(' } }],
        allow: { tokenAudiences: ['pods.eks.amazonaws.com'] },
      });
      expect(stderr).toContain('spec.operators[0].match.username');
      expect(stderr).toContain('spec.allow.tokenAudiences[0]');
    });

    it('with a name that no label can have', async () => {
      const stderr = await rejected({ operators: [STAFF] }, 'dotted.name');
      expect(stderr).toContain('metadata.name: must be a DNS label');
    });

    it('also when a good one is changed into it', async () => {
      const name = await countersign.newPolicy({ operators: [STAFF] });
      const change = { operators: [{ name: 'staff', match: { username: '(' } }] };
      await expect(countersign.changePolicy(name, change)).rejects.toThrow('[PolicyRejected]');
    });
  });

  it('that may be regretted is taken without a word: that is for lint, which may take its time', async () => {
    const { status, stderr } = await apply({ operators: [STAFF], pods: { labels: { kind: 'agent' } } });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  describe('a broken one that was stored while nobody checked', () => {
    const broken = { operators: [{ name: 'staff', match: { username: '(' } }] };
    let name: string;
    let namespace: string;

    beforeAll(async () => {
      await countersign.unregister();
      try {
        await untilPoliciesUnchecked(countersign.admin);
        name = await countersign.newPolicy(broken);
      } finally {
        await countersign.register();
      }
      namespace = await countersign.governedNamespace(name);
    });

    it('refuses its namespaces and says which field is wrong', async () => {
      const message = await alice.refused(namespace, podWith());
      expect(message).toContain(
        `[PolicyInvalid] policy "${name}" cannot be used: spec.operators[0].match.username: is not RE2:`,
      );
      expect(message).toContain('Next: Ask a cluster admin to mend it');
    });

    it('leaves other namespaces alone', async () => {
      const other = await countersign.newPolicy({ operators: [STAFF] });
      const governed = await countersign.governedNamespace(other);
      expectAttributed(await alice.created(governed, podWith()), 'alice@acme.com');
    });

    it('works once it is mended, without a restart', async () => {
      await countersign.changePolicy(name, { operators: [STAFF] });
      await untilAdmitted(namespace);
      expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
    });
  });

  describe('in force,', () => {
    it('a change holds without a restart', async () => {
      const name = await countersign.newPolicy({ operators: [STAFF] });
      const namespace = await countersign.governedNamespace(name);
      expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
      await countersign.changePolicy(name, { left: ['alice@acme.com'] });
      await untilRefused(namespace, '[OperatorLeft]');
      await countersign.changePolicy(name, { left: [] });
      await untilAdmitted(namespace);
    });

    it('a deleted one refuses its namespaces, and the same one again admits', async () => {
      const name = await countersign.newPolicy({ operators: [STAFF] });
      const namespace = await countersign.governedNamespace(name);
      expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
      await countersign.deletePolicy(name);
      await untilRefused(namespace, '[PolicyMissing]');
      await countersign.newPolicy({ operators: [STAFF] }, name);
      await untilAdmitted(namespace);
    });

    it('one is known without a read of the API server for every pod', async () => {
      const name = await countersign.newPolicy({ operators: [STAFF] });
      const namespace = await countersign.governedNamespace(name);
      const reads = () => countersign.process.metric('countersign_live_reads_total');
      await until('no read is needed any more', async () => {
        const before = await reads();
        await alice.api.createPod(namespace, podWith(), { dryRun: true });
        return (await reads()) === before;
      });
    });
  });

  describe('unknown to the cache,', () => {
    let reader: WebhookProcess;
    const role = `/apis/rbac.authorization.k8s.io/v1/clusterroles/test-reader`;
    const binding = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/test-reader`;

    // It may read single objects, and neither list nor watch them: all its caches stay empty.
    beforeAll(async () => {
      await countersign.serviceAccount(OBJECT.namespace, 'reader');
      const rules = [
        { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
        { apiGroups: ['countersign.dev'], resources: ['attributionpolicies'], verbs: ['get'] },
      ];
      await make(role, { rules });
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'test-reader' };
      await make(binding, {
        roleRef,
        subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: OBJECT.namespace }],
      });
      reader = await WebhookProcess.create(cluster, { account: 'reader', probe: 'livez' });
      await reader.start();
    });
    afterAll(async () => {
      await reader?.stop();
      for (const path of [binding, role]) await countersign.admin.call('DELETE', path);
    });

    const ask = (namespace: string) => review(reader, cluster.ca, namespace, podWith(), { username: 'alice@acme.com' });

    it('a namespace and its policy are read when they are needed', async () => {
      const namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF] }));
      const answer = await ask(namespace);
      expect(answer).toMatchObject({ allowed: true, patch: expect.any(String) });
      expect(await reader.metric('countersign_live_reads_total', { result: 'ok' })).toBe(1);
    });

    it('a policy that does not exist is reported as such', async () => {
      const answer = await ask(await countersign.governedNamespace('no-such-policy'));
      expect(answer.status?.message).toContain('[PolicyMissing]');
    });

    it('a namespace without the label is left alone', async () => {
      const answer = await ask(await countersign.namespace());
      expect(answer).toEqual({ uid: answer.uid, allowed: true });
    });

    it('what may not be read is refused, and never guessed', async () => {
      const namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF] }));
      await countersign.admin.call('DELETE', binding);
      const answer = await until('the right is gone', async () => {
        const latest = await ask(namespace);
        return !latest.allowed && latest;
      });
      expect(answer.status?.message).toMatch(
        /^\[ClusterUnavailable\] which policy governs the namespace could not be found out in time: 403 .*cannot get resource "(namespaces|attributionpolicies)".* Next: Try again/,
      );
    });

    it('a webhook that knows nothing does not call itself ready', async () => {
      const probe = await fetch(`http://127.0.0.1:${reader.probePort}/readyz`);
      expect(probe.status).toBe(503);
      expect(await probe.text()).toBe('the governed namespaces are not known');
    });

    async function make(path: string, body: object): Promise<void> {
      const [name] = path.split('/').slice(-1);
      const collection = path.slice(0, path.lastIndexOf('/'));
      const { status, body: answer } = await countersign.admin.call('POST', collection, {
        body: { metadata: { name }, ...body },
      });
      if (status !== 201) throw new Error(answer.message);
    }
  });

  async function untilRefused(namespace: string, code: string): Promise<void> {
    await until(`pods in ${namespace} are refused with ${code}`, async () => {
      const { status, body } = await alice.api.postPod(namespace, podWith(), { dryRun: true });
      return status === 403 && body.message?.includes(code) === true;
    });
    expect(await alice.refused(namespace, podWith())).toContain(code);
  }

  async function untilAdmitted(namespace: string): Promise<void> {
    await until(`pods in ${namespace} are admitted`, async () => {
      expectAttributed(await alice.api.createPod(namespace, podWith(), { dryRun: true }), 'alice@acme.com');
      return true;
    });
  }
});
