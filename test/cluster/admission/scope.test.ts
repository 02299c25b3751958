import type { V1Pod } from '@kubernetes/client-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { LABEL, OBJECT } from '../../../src/names.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectAttributed, expectUntouched } from './support/attributed.ts';
import { SESSION, STAFF } from './support/countersign.ts';
import { Person } from './support/person.ts';
import { APP, podWith } from './support/pods.ts';
import { review } from './support/review.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

/** Passes Pod Security `restricted`, which Countersign's own namespace enforces. */
const harmless = podWith({
  automountServiceAccountToken: true,
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [
    {
      ...APP,
      env: [
        { name: 'AWS_PROFILE', value: 'mine' },
        { name: 'FAB_OPERATOR', value: 'whoever' },
      ],
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    },
  ],
});

describe.skipIf(cluster.unavailable)('where Countersign acts', () => {
  let before: V1Pod;

  // Before Countersign is there: what the API server makes of a pod by itself.
  beforeAll(async () => {
    const namespace = await cluster.newNamespace();
    before = await new Person(cluster, cluster.adminKubeconfig).created(namespace, harmless);
  });

  const countersign = useCountersign(cluster);
  let policy: string;
  let alice: Person;

  beforeAll(async () => {
    policy = await countersign.newPolicy({ operators: [STAFF] });
    alice = await countersign.person('alice@acme.com');
  });

  describe('a namespace without the label', () => {
    it('gets its pods byte for byte as the API server makes them without Countersign', async () => {
      const namespace = await countersign.namespace({ [LABEL.podSecurityEnforce]: 'baseline' });
      const now = await alice.created(namespace, harmless);
      expect(asText(now)).toBe(asText(before));
    });

    it('is not asked about', async () => {
      const namespace = await countersign.namespace();
      await alice.created(namespace, harmless);
      expect(countersign.process.log().filter((line) => line['namespace'] === namespace)).toEqual([]);
    });

    it('takes pods of service accounts and controllers', async () => {
      const namespace = await countersign.namespace();
      const account = await countersign.serviceAccount(namespace, 'pipeline');
      expectUntouched(await account.created(namespace, podWith()));
    });

    it('is governed no more once the label is gone', async () => {
      const namespace = await countersign.governedNamespace(policy);
      expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
      await countersign.label(namespace, { [LABEL.policy]: null });
      await until('the API server has noticed', async () => {
        const pod = await alice.api.createPod(namespace, harmless, { dryRun: true });
        return !JSON.stringify(pod).includes('skip-containers');
      });
    });
  });

  describe('never governed is', () => {
    it.each(['kube-system', OBJECT.namespace])('%s, labelled or not', async (namespace) => {
      // With a right that authors of pods have nowhere here, and nothing is to be changed in these namespaces for it.
      const as = ['--as=alice@acme.com', '--as-group=system:masters'];
      await countersign.label(namespace, { [LABEL.policy]: policy });
      try {
        const pod = await countersign.administrator.created(namespace, harmless, ...as);
        expect(asText(pod)).toBe(asText(before));
        await countersign.administrator.kubectl([
          'delete',
          'pod',
          pod.metadata?.name ?? '',
          '-n',
          namespace,
          '--wait=false',
        ]);
        // Were the API server to ask all the same, the answer would be no other.
        const answer = await review(countersign.process, cluster.ca, namespace, harmless, {
          username: 'system:serviceaccount:kube-system:replicaset-controller',
        });
        expect(answer).toEqual({ uid: answer.uid, allowed: true });
      } finally {
        await countersign.label(namespace, { [LABEL.policy]: null });
      }
    });
  });

  describe('a pod that the policy does not select', () => {
    it('is left alone where pods are chosen by service account', async () => {
      const pods = { serviceAccounts: ['agent'] };
      const namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF], pods }));
      await countersign.serviceAccount(namespace, 'agent');
      expectAttributed(await alice.created(namespace, podWith({ serviceAccountName: 'agent' })), 'alice@acme.com');
      const other = await alice.created(namespace, harmless);
      expect(asText(other)).toBe(asText(before));
      expect((await countersign.creationOf(other)).annotations).toMatchObject({
        'pods.countersign.dev/code': 'NotSelected',
      });
    });

    it('is left alone where pods are chosen by label', async () => {
      const pods = { labels: { 'acme.com/agent': 'yes' } };
      const namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF], pods }));
      const chosen = await alice.created(namespace, podWith({}, { labels: { 'acme.com/agent': 'yes' } }));
      expectAttributed(chosen, 'alice@acme.com');
      expectUntouched(await alice.created(namespace, podWith({}, { labels: { 'acme.com/agent': 'no' } })));
    });
  });

  describe('a server-side dry run', () => {
    it('shows the attributed pod and stores nothing', async () => {
      const namespace = await countersign.governedNamespace(policy);
      expectAttributed(await alice.created(namespace, podWith(), '--dry-run=server'), 'alice@acme.com');
      const { stdout } = await alice.kubectl(['get', 'pods', '-n', namespace, '-o', 'name']);
      expect(stdout).toBe('');
    });

    it('shows the refusal', async () => {
      const namespace = await countersign.governedNamespace(policy);
      const mallory = await countersign.person('mallory@evil.example');
      expect(await mallory.refused(namespace, podWith(), '--dry-run=server')).toContain('[NoOperatorRule]');
    });
  });

  describe('a governed namespace', () => {
    it.each([
      ['nothing', ''],
      ['"privileged"', 'privileged'],
    ])('that enforces %s of Pod Security refuses every pod', async (level, podSecurity) => {
      const namespace = await countersign.governedNamespace(policy, { podSecurity });
      const message = await alice.refused(namespace, podWith());
      expect(message).toContain(
        `[PodSecurityMissing] namespace "${namespace}" does not enforce Pod Security "baseline" (it enforces ${level})`,
      );
      expect(message).toContain('Next: Ask a cluster admin to set the label pod-security.kubernetes.io/enforce');
    });

    it('needs no Pod Security label where the policy says that the cluster enforces it', async () => {
      const trusting = await countersign.newPolicy({ operators: [STAFF], podSecurity: 'cluster' });
      const namespace = await countersign.governedNamespace(trusting, { podSecurity: '' });
      expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
    });

    it('with baseline has the API server refuse what Countersign leaves to it', async () => {
      const namespace = await countersign.governedNamespace(policy);
      for (const spec of [
        { hostPID: true },
        { hostNetwork: true },
        { volumes: [{ name: 'host', hostPath: { path: '/' } }] },
        { containers: [{ ...APP, securityContext: { privileged: true } }] },
        { containers: [{ ...APP, securityContext: { capabilities: { add: ['SYS_PTRACE'] } } }] },
      ]) {
        const { status, stderr } = await alice.create(namespace, podWith(spec));
        expect({ status, stderr }).toMatchObject({
          status: 1,
          stderr: expect.stringContaining('violates PodSecurity'),
        });
      }
    });

    it('whose policy does not exist refuses every pod', async () => {
      const namespace = await countersign.governedNamespace('no-such-policy');
      expect(await alice.refused(namespace, podWith())).toBe(
        '[PolicyMissing] the namespace\'s label countersign.dev/policy names policy "no-such-policy", which does not exist. Next: Ask a cluster admin to create the policy or to correct the label.',
      );
    });

    it('whose label is empty refuses every pod', async () => {
      const namespace = await countersign.governedNamespace('');
      expect(await alice.refused(namespace, podWith())).toContain('[PolicyMissing]');
    });

    it('whose policy appears later needs nothing else', async () => {
      const name = countersign.newName();
      const namespace = await countersign.governedNamespace(name);
      expect(await alice.refused(namespace, podWith())).toContain('[PolicyMissing]');
      await countersign.newPolicy({ operators: [STAFF] }, name);
      expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
    });

    it('can be moved to another policy', async () => {
      const namespace = await countersign.governedNamespace(policy);
      const session = { ...SESSION, durationSeconds: 900 };
      const other = await countersign.newPolicy({ operators: [STAFF], session });
      await countersign.label(namespace, { [LABEL.policy]: other });
      await until('pods follow the other policy', async () => {
        const pod = await alice.api.createPod(namespace, podWith(), { dryRun: true });
        expectAttributed(pod, 'alice@acme.com');
        return JSON.stringify(pod).includes('"value":"900"');
      });
    });
  });

  describe('no pod slips through', () => {
    it('in namespaces that are a moment old', async () => {
      const headers = { 'Impersonate-User': 'alice@acme.com', 'Impersonate-Group': 'system:masters' };
      for (let round = 0; round < 25; round += 1) {
        const name = countersign.newName();
        const labels = { [LABEL.policy]: policy, [LABEL.podSecurityEnforce]: 'baseline' };
        await countersign.admin.call('POST', '/api/v1/namespaces', { body: { metadata: { name, labels } } });
        const { status, body } = await countersign.admin.postPod(name, podWith(), { headers });
        // The service account of the namespace may not be there yet, which Kubernetes waits for in vain at times.
        if (status === 201) expectAttributed(body, 'alice@acme.com');
        else expect(body.message).toContain('service account');
      }
    });

    it('in namespaces that were labelled a moment ago, as soon as the API server asks', async () => {
      const namespaces: string[] = [];
      for (let round = 0; round < 10; round += 1) {
        const namespace = await countersign.namespace({ [LABEL.podSecurityEnforce]: 'baseline' });
        namespaces.push(namespace);
        await alice.api.createPod(namespace, podWith(), { dryRun: true });
        await countersign.label(namespace, { [LABEL.policy]: policy });
        let asked = false;
        for (let pod = 0; pod < 4; pod += 1) {
          const created = await alice.api.createPod(namespace, podWith());
          asked ||= created.spec?.initContainers !== undefined;
          // The API server itself learns of the label from a watch; what it does not ask about, nobody can refuse.
          if (asked) expectAttributed(created, 'alice@acme.com');
        }
        await until('the API server asks', async () => {
          return (await alice.api.createPod(namespace, podWith())).spec?.initContainers !== undefined;
        });
      }
      // Whatever it asked about was attributed: never was a namespace taken for ungoverned that a cache did not know.
      const decided = countersign.process.log().filter((line) => namespaces.includes(String(line['namespace'])));
      expect(new Set(decided.map((line) => line['code']))).toEqual(new Set(['Dated', 'Attributed', 'Permitted']));
    });

    it('when many are created at once', async () => {
      const namespace = await countersign.governedNamespace(policy);
      const names = ['alice', 'bob', 'carol', 'dave'].map((name) => `${name}@acme.com`);
      const people = await Promise.all(names.map((name) => countersign.person(name)));
      const made = await Promise.all(
        Array.from({ length: 15 }).flatMap(() => people.map((person) => person.api.createPod(namespace, podWith()))),
      );
      for (const [index, pod] of made.entries()) expectAttributed(pod, names[index % names.length] ?? '');
    });
  });
});

/** A pod without what differs between any two. */
function asText(pod: V1Pod): string {
  const { name = '', namespace = '', uid = '', resourceVersion = '', creationTimestamp } = pod.metadata ?? {};
  let text = JSON.stringify(pod).replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-xxxxx');
  for (const [key, value] of Object.entries({
    name,
    namespace,
    uid,
    resourceVersion,
    creationTimestamp: String(creationTimestamp),
  }))
    text = text.replaceAll(`"${value}"`, `"<${key}>"`);
  return text;
}
