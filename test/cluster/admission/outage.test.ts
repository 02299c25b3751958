import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectAttributed, expectUntouched } from './support/attributed.ts';
import { STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { podWith } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('when something is away', () => {
  const countersign = useCountersign(cluster);
  let policy: string;
  let governed: string;
  let elsewhere: string;
  let alice: Person;

  beforeAll(async () => {
    policy = await countersign.newPolicy({ operators: [STAFF] });
    [governed, elsewhere, alice] = await Promise.all([
      countersign.governedNamespace(policy),
      countersign.namespace(),
      countersign.person('alice@acme.com'),
    ]);
  });

  it('the webhook: pods in governed namespaces are refused, pods elsewhere start', async () => {
    await countersign.process.stop();
    try {
      const { status, stdout, stderr } = await alice.create(governed, podWith());
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toContain('failed calling webhook "pods.countersign.dev"');
      expect(stderr).toContain('connection refused');
      expectUntouched(await alice.created(elsewhere, podWith()));
    } finally {
      await countersign.process.start();
    }
    expectAttributed(await alice.created(governed, podWith()), 'alice@acme.com');
  });

  it.each(['warn', 'audit'] as const)('the webhook: pods in namespaces that only %s start untouched', async (mode) => {
    const namespace = await countersign.governedNamespace(policy, { mode });
    await countersign.process.stop();
    try {
      expectUntouched(await alice.created(namespace, podWith()));
    } finally {
      await countersign.process.start();
    }
  });

  it('the webhook: policies cannot be written, and what else there is can', async () => {
    await countersign.process.stop();
    try {
      await expect(countersign.newPolicy({ operators: [STAFF] })).rejects.toThrow('policies.countersign.dev');
      const created = await alice.kubectl(['create', 'configmap', 'meanwhile', '-n', governed]);
      expect(created).toMatchObject({ status: 0, stderr: '' });
    } finally {
      await countersign.process.start();
    }
    await countersign.newPolicy({ operators: [STAFF] });
  });

  it('the API server: the webhook does not end, and is right again when it is back', async () => {
    await cluster.without('kube-apiserver', async () => {
      const probe = await fetch(`http://127.0.0.1:${countersign.process.probePort}/livez`);
      expect(probe.status).toBe(200);
    });
    // The API server calls webhooks once it has read their configurations.
    await until('pods are attributed again', async () => {
      const pod = await alice.api.createPod(governed, podWith());
      expectAttributed(pod, 'alice@acme.com');
      return true;
    });
    // What is new since then is known too: by a read first, and by the watch soon.
    const later = await countersign.newPolicy({ operators: [STAFF] });
    const namespace = await countersign.governedNamespace(later);
    expectAttributed(await alice.created(namespace, podWith()), 'alice@acme.com');
    const reads = () => countersign.process.metric('countersign_live_reads_total');
    await until('the watches follow the API server again', async () => {
      const before = await reads();
      await alice.api.createPod(namespace, podWith(), { dryRun: true });
      return (await reads()) === before;
    });
    expect(countersign.process.log().some((line) => line['level'] === 'fatal')).toBe(false);
  });
});
