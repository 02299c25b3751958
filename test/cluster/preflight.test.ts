import type { KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { OBJECT, LABEL } from '../../src/names.ts';
import { policy as policyObject, STAFF } from './admission/support/countersign.ts';
import type { Person } from './admission/support/person.ts';
import { podWith } from './admission/support/pods.ts';
import { useCountersign } from './admission/support/use.ts';
import { connect } from './fixture.ts';
import { countersign as start } from './installation.ts';
import { until } from './until.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('countersign preflight', () => {
  const countersign = useCountersign(cluster);
  let alice: Person;
  let policy = '';
  let namespace = '';
  /** Holds the public keys, as the namespace in which Countersign is installed does. */
  let installation = '';

  beforeAll(async () => {
    policy = await countersign.newPolicy({ operators: [STAFF] });
    alice = await countersign.person('alice@acme.com');
    namespace = await countersign.namespace();
    installation = await countersign.namespace();
    const jwks = JSON.stringify({ keys: publicJwks(countersign.process.stampKeys) });
    await admin([
      '-n',
      installation,
      'create',
      'configmap',
      OBJECT.stampKeysConfigMap,
      `--from-literal=jwks.json=${jwks}`,
    ]);
  });

  async function admin(args: readonly string[]): Promise<void> {
    const { status, stderr } = await cluster.kubectl(args);
    if (status !== 0) throw new Error(stderr);
  }

  async function preflight(...args: readonly string[]) {
    const run = start([
      'preflight',
      '-n',
      namespace,
      '--installed-in',
      installation,
      '--kubeconfig',
      cluster.adminKubeconfig,
      ...args,
    ]);
    return { status: await run.status, stdout: run.stdout(), output: run.output() };
  }

  /** Runs, as Alice, every command that was printed, in the way in which somebody copies them. */
  async function follow(report: string): Promise<number> {
    const commands = [...report.matchAll(/kubectl (-n \S+ annotate .*)$/gm)].map(([, command = '']) =>
      command.split(' '),
    );
    for (const args of commands) {
      const { status, stderr } = await alice.kubectl(args);
      if (status !== 0) throw new Error(stderr);
    }
    return commands.length;
  }

  const template = (name: string) => ({
    metadata: { labels: { app: name } },
    spec: { containers: [{ name: 'main', image: 'agent:1' }] },
  });
  const workload = (apiVersion: string, kind: string, name: string, spec: object = {}) => ({
    apiVersion,
    kind,
    metadata: { name },
    spec: { replicas: 0, selector: { matchLabels: { app: name } }, template: template(name), ...spec },
  });

  test('of a namespace that is not governed says what would be refused, and changes nothing', async () => {
    const shared = { ...template('shared'), spec: { ...template('shared').spec, shareProcessNamespace: true } };
    const objects = [
      workload('apps/v1', 'Deployment', 'web'),
      workload('apps/v1', 'Deployment', 'shared', { template: shared }),
      {
        apiVersion: 'v1',
        kind: 'ReplicationController',
        metadata: { name: 'old' },
        spec: { replicas: 0, selector: { app: 'old' }, template: template('old') },
      },
      { ...podWith(), apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bare' } },
    ];
    for (const object of objects) {
      const { status, stderr } = await alice.kubectl(['-n', namespace, 'create', '-f', '-'], JSON.stringify(object));
      if (status !== 0) throw new Error(stderr);
    }
    const { status, stdout } = await preflight('--policy', policy);
    expect(status).toBe(1);
    expect(stdout).toContain(`Namespace "${namespace}" is not governed; held against policy "${policy}":`);
    expect(stdout).toContain('[PodSecurityMissing]');
    expect(stdout).toContain(
      `$ kubectl label namespace ${namespace} pod-security.kubernetes.io/enforce=baseline --overwrite`,
    );
    for (const name of ['replicationcontroller/old', 'deployment/web', 'deployment/shared']) {
      expect(stdout).toContain(`kubectl -n ${namespace} annotate ${name} adopted=yes --overwrite`);
    }
    expect(stdout).toContain('Deployment "shared"\n  [OwnerNotAttributed]');
    expect(stdout).toContain('[SharedProcessNamespace]');
    expect(stdout).toContain('Pod "bare"\n  nothing would make this pod again');
    expect(stdout).toMatch(/5 to mend; 4 objects were looked at\.\n$/);
  });

  test('its commands adopt what there is, once the namespace warns, and then it finds only what must be changed', async () => {
    await countersign.label(namespace, {
      [LABEL.policy]: policy,
      [LABEL.mode]: 'warn',
      [LABEL.podSecurityEnforce]: 'baseline',
    });
    const before = await until('the namespace is governed and says since when', async () => {
      const report = await preflight();
      return report.stdout.includes('is in mode warn') && report.stdout;
    });
    expect(await follow(before)).toBe(3);
    const { status, stdout } = await preflight();
    expect(stdout).not.toContain('OwnerNotAttributed');
    expect(stdout).toContain('Deployment "shared"\n  [SharedProcessNamespace]');
    expect(stdout).toMatch(/2 to mend; 4 objects were looked at\.\n$/);
    expect(status).toBe(1);
    await admin(['-n', namespace, 'delete', 'deployment/shared', 'pod/bare', '--now']);
    expect(await preflight()).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/Nothing would be refused; 2 objects were looked at\.\n$/) as string,
    });
  });

  test('its commands also replace stamps from before a break in governance', async () => {
    await countersign.label(namespace, { [LABEL.policy]: null });
    await countersign.label(namespace, { [LABEL.policy]: policy });
    const stale = await preflight();
    expect(stale.stdout.match(/\[StampFromBefore\]/g)).toHaveLength(2);
    expect(stale.stdout).toContain(`$ kubectl -n ${namespace} annotate deployment/web countersign.dev/stamp-`);
    expect(await follow(stale.stdout)).toBe(2);
    await until('the webhook has learnt since when the namespace is governed', async () => {
      await follow((await preflight()).stdout);
      return (await preflight()).status === 0;
    });
  });

  test('takes a policy from a file, and says what is wrong', async () => {
    const file = join(cluster.dir, 'preflight-policy.yaml');
    writeFileSync(file, JSON.stringify(policyObject('from-a-file', { operators: [STAFF] })));
    expect((await preflight('--policy', file)).stdout).toContain('held against policy "from-a-file"');
    expect((await preflight('--policy', 'no-such')).output).toContain('[UsageInvalid] there is no policy "no-such"');
    const free = await countersign.namespace();
    const run = start(['preflight', '-n', free, '--kubeconfig', cluster.adminKubeconfig]);
    expect(await run.status).toBe(2);
    expect(run.output()).toContain('give --policy NAME|FILE');
    const stranger = start(['preflight', '-n', free, '--policy', policy, '--kubeconfig', alice.kubeconfig]);
    expect(await stranger.status).toBe(2);
    expect(stranger.output()).toContain('Next: ask a cluster admin for the right, or to run this');
  });
});

function publicJwks(keys: ReadonlyMap<string, KeyObject>): object[] {
  return [...keys].map(([kid, key]) => ({ ...key.export({ format: 'jwk' }), kid }));
}
