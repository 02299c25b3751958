import { beforeAll, describe, expect, test } from 'vitest';
import { objectPath } from '../../src/cluster/objects.ts';
import type { JsonObject } from '../../src/json.ts';
import { WORKLOAD_KINDS } from '../../src/lineage/kinds.ts';
import { annotationOf } from '../../src/lineage/metadata.ts';
import { ANNOTATION } from '../../src/names.ts';
import { verifyStamp } from '../../src/stamp/jws.ts';
import { STAFF } from './admission/support/countersign.ts';
import type { Person } from './admission/support/person.ts';
import { useCountersign } from './admission/support/use.ts';
import { connect } from './fixture.ts';
import { countersign as start } from './installation.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('countersign restamp', () => {
  const countersign = useCountersign(cluster);
  let namespace = '';
  let policy = '';
  let alice: Person;

  beforeAll(async () => {
    policy = await countersign.newPolicy({ operators: [STAFF] });
    namespace = await countersign.governedNamespace(policy);
    alice = await countersign.person('alice@acme.com');
    await grant('restamper@acme.com', 'restamp,get');
    await grant('reader@acme.com', 'get');
  });

  /** Gives somebody rights on policies, and lets them see which one governs a namespace. */
  async function grant(user: string, verbs: string): Promise<void> {
    const names = [`policies-${user.replace(/\W/g, '-')}`, `namespaces-${user.replace(/\W/g, '-')}`] as const;
    for (const args of [
      ['clusterrole', names[0], `--verb=${verbs}`, '--resource=attributionpolicies.countersign.dev'],
      ['clusterrolebinding', names[0], `--clusterrole=${names[0]}`, `--user=${user}`],
      ['clusterrole', names[1], '--verb=get', '--resource=namespaces'],
      ['clusterrolebinding', names[1], `--clusterrole=${names[1]}`, `--user=${user}`],
    ]) {
      const { status, stderr } = await cluster.kubectl(['create', ...args]);
      if (status !== 0 && !stderr.includes('already exists')) throw new Error(stderr);
    }
  }

  async function run(as: string, ...args: readonly string[]) {
    const child = start(['restamp', ...args, '--kubeconfig', await cluster.userKubeconfig(as)]);
    return { status: await child.status, stdout: child.stdout(), output: child.output() };
  }

  async function make(kind: 'Deployment' | 'StatefulSet' | 'CronJob', name: string): Promise<void> {
    const labels = { app: name };
    const pod = { containers: [{ name: 'main', image: 'agent:1' }] };
    const template = { metadata: { labels }, spec: pod };
    const object =
      kind === 'CronJob'
        ? {
            apiVersion: 'batch/v1',
            spec: {
              schedule: '0 0 1 1 *',
              jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } } },
            },
          }
        : { apiVersion: 'apps/v1', spec: { replicas: 0, selector: { matchLabels: labels }, template } };
    const { status, stderr } = await alice.kubectl(
      ['-n', namespace, 'create', '-f', '-'],
      JSON.stringify({ ...object, kind, metadata: { name } }),
    );
    if (status !== 0) throw new Error(stderr);
  }

  /** What the stamp on an object says, verified by the keys of the webhook that runs here. */
  async function stampOf(kind: string, name: string) {
    const known = WORKLOAD_KINDS.find((each) => each.kind === kind);
    if (known === undefined) throw new Error(kind);
    const path = objectPath(known, known.versions[0] ?? '', namespace, name);
    const { body } = await countersign.admin.call<JsonObject>('GET', path);
    const result = verifyStamp(annotationOf(body, ANNOTATION.stamp) ?? '', countersign.process.stampKeys);
    if (result.kind === 'invalid') throw new Error(result.flaw);
    return { claims: result.claims, asked: annotationOf(body, ANNOTATION.restamp), spec: body['spec'] };
  }

  const asked = ['--operator', 'carol@acme.com', '--reason', 'alice left "us"'];

  test('stamps one object in the name that is given, and says in it who gave it and why', async () => {
    await make('Deployment', 'web');
    const before = await stampOf('Deployment', 'web');
    expect(before.claims).toMatchObject({ op: 'alice@acme.com', how: 'direct' });
    const { status, stdout } = await run('restamper@acme.com', 'deployment/web', '-n', namespace, ...asked);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Deployment "web": operator "carol@acme.com"\n' });
    const after = await stampOf('Deployment', 'web');
    expect(after.claims).toMatchObject({
      op: 'carol@acme.com',
      how: 'restamped',
      by: 'restamper@acme.com',
      reason: 'alice left "us"',
    });
    expect(after.asked).toBeUndefined();
    expect(after.spec).toEqual(before.spec);
  });

  test('--all stamps what humans submitted, of every kind that is served', async () => {
    namespace = await countersign.governedNamespace(policy);
    await make('Deployment', 'web');
    await make('StatefulSet', 'db');
    await make('CronJob', 'nightly');
    const { status, stdout } = await run('restamper@acme.com', '--all', '-n', namespace, ...asked);
    expect(stdout.trimEnd().split('\n').toSorted()).toEqual([
      'CronJob "nightly": operator "carol@acme.com"',
      'Deployment "web": operator "carol@acme.com"',
      'StatefulSet "db": operator "carol@acme.com"',
    ]);
    expect(status).toBe(0);
    expect((await stampOf('CronJob', 'nightly')).claims.op).toBe('carol@acme.com');
  });

  test('goes on after one that is refused, and ends with 1', async () => {
    const { status, stdout } = await run(
      'restamper@acme.com',
      '--all',
      '-n',
      namespace,
      '--operator',
      'carol@acme.com',
      '--reason',
      'x'.repeat(1_000),
    );
    expect(stdout.match(/FAILED: 403 .*\[RestampUnclear\]/g)).toHaveLength(3);
    expect(status).toBe(1);
  });

  test('without the verb is refused, and nothing is left behind', async () => {
    await make('Deployment', 'guarded');
    const before = await stampOf('Deployment', 'guarded');
    // Editors of the namespace both, as everybody here.
    const reader = await run('reader@acme.com', 'deployments.apps/guarded', '-n', namespace, ...asked);
    expect(reader.stdout).toMatch(/^Deployment "guarded": FAILED: 403 .*\[RestampNotAllowed\]/);
    expect(reader.status).toBe(1);
    const editor = await run('alice@acme.com', 'deployments.apps/guarded', '-n', namespace, ...asked);
    expect(editor.output).toContain('[ClusterFailed] policy ');
    expect(editor.output).toContain('Next: ask a cluster admin');
    expect(editor.status).toBe(2);
    expect(await stampOf('Deployment', 'guarded')).toEqual(before);
  });

  test.each<[what: string, args: readonly string[], says: string]>([
    ['an object that is not there', ['deployment/absent', ...asked], 'Deployment "absent": FAILED: 404 '],
    [
      'a kind that is not known',
      ['service/web', ...asked],
      '"service" is no one kind that is stamped. Next: say one of replicationcontrollers, ',
    ],
    ['a kind that is not served', ['jobset/x', ...asked], 'this cluster does not serve jobsets'],
    ['a name that is none', ['deployment', ...asked], '"deployment" is not KIND/NAME'],
    ['neither one nor all', [...asked], 'give either KIND/NAME or --all'],
    [
      'an operator that cannot be one',
      ['deployment/web', '--operator', 'é', '--reason', 'x'],
      'cannot be one: it contains U+00E9',
    ],
    ['no reason', ['deployment/web', '--operator', 'carol@acme.com', '--reason', ' '], '--reason must say why'],
  ])('says what is wrong: %s', async (_, args, says) => {
    const { status, output } = await run('restamper@acme.com', ...args, '-n', namespace);
    expect(output).toContain(says);
    expect(status).toBe(says.includes('FAILED') ? 1 : 2);
  });

  test('says so where nothing is governed, and where there is no namespace', async () => {
    const free = await countersign.namespace();
    expect((await run('restamper@acme.com', '--all', '-n', free, ...asked)).output).toContain(
      'only governed namespaces have stamps',
    );
    expect((await run('restamper@acme.com', '--all', '-n', 'no-such', ...asked)).output).toContain(
      'there is no namespace "no-such"',
    );
  });

  test('takes the wish out again where nobody took it up', async () => {
    namespace = await countersign.governedNamespace(policy);
    await make('Deployment', 'web');
    await countersign.unregister();
    try {
      const { status, stdout } = await run('restamper@acme.com', 'deployment/web', '-n', namespace, ...asked);
      expect(stdout).toBe(
        'Deployment "web": FAILED: Countersign was not asked, or left the stamp as it is. Next: look at its log\n',
      );
      expect(status).toBe(1);
      expect((await stampOf('Deployment', 'web')).asked).toBeUndefined();
    } finally {
      await countersign.register();
    }
  });
});
