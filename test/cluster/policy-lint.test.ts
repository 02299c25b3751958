import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LABEL } from '../../src/names.ts';
import { connect } from './fixture.ts';
import { countersign } from './installation.ts';
import { until } from './until.ts';

const cluster = connect();

const RBAC = 'rbac.authorization.k8s.io';

/** What docs/policy.md says that lint needs, in its words. */
const ROLE = ['create', 'clusterrole', 'countersign-lint', '--verb=list'];
const RBAC_RESOURCES = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(
  (each) => `${each}.${RBAC}`,
);

interface Manifest {
  readonly metadata?: object;
  readonly [field: string]: unknown;
}

describe.skipIf(cluster.unavailable)('countersign policy lint, with a cluster', () => {
  const files = mkdtempSync(join(tmpdir(), 'countersign-lint-'));
  const made: string[] = [];
  let platform = '';
  let governed = '';
  let auditor = '';

  beforeAll(async () => {
    [platform, governed] = await Promise.all([
      cluster.newNamespace(),
      cluster.newNamespace({ [LABEL.policy]: 'strict' }),
    ]);
    for (const role of ['edit', 'admin', 'view']) await bind(role, `${role}or@example.com`, platform);
    // An aggregated role: a controller fills its rules in.
    await apply('ClusterRole', 'lint-test-part', {
      metadata: { labels: { 'example.com/lint-test': 'yes' } },
      rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['robot'], verbs: ['create'] }],
    });
    await apply('ClusterRole', 'lint-test-whole', {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { 'example.com/lint-test': 'yes' } }] },
      rules: [],
    });
    await bind('lint-test-whole', 'aggregated@example.com', platform);
    await apply('ClusterRole', 'lint-test-restamp', {
      rules: [{ apiGroups: ['countersign.dev'], resources: ['attributionpolicies'], verbs: ['restamp'] }],
    });
    await bind('lint-test-restamp', 'carol@example.com');
    const args = [...ROLE, `--resource=namespaces,${RBAC_RESOURCES.join(',')}`];
    const { status, stderr } = await cluster.kubectl(args);
    if (status !== 0) throw new Error(stderr);
    made.push('clusterrole/countersign-lint');
    await bind('countersign-lint', 'auditor@example.com');
    await apply('ClusterRole', 'lint-test-half', {
      rules: [{ apiGroups: [''], resources: ['namespaces'], verbs: ['list'] }],
    });
    await bind('lint-test-half', 'half@example.com');
    auditor = await cluster.userKubeconfig('auditor@example.com');
    for (const user of ['aggregated@example.com', 'editor@example.com'])
      await until(`${user} can mint`, () => mayMint(user));
    for (const user of ['auditor', 'half']) {
      const asked = ['auth', 'can-i', 'list', 'namespaces', `--as=${user}@example.com`];
      await until(`${user} may list`, async () => (await cluster.kubectl(asked)).status === 0);
    }
  });
  afterAll(async () => {
    rmSync(files, { recursive: true });
    if (made.length > 0) await cluster.kubectl(['delete', '--ignore-not-found', ...made]);
  });

  async function apply(kind: string, name: string, object: Manifest, namespace?: string): Promise<void> {
    const manifest = { apiVersion: `${RBAC}/v1`, kind, ...object, metadata: { ...object.metadata, name, namespace } };
    const { status, stderr } = await cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(manifest) });
    if (status !== 0) throw new Error(stderr);
    if (namespace === undefined) made.push(`${kind.toLowerCase()}/${name}`);
  }

  /** Binds a ClusterRole, in a namespace or everywhere. */
  async function bind(role: string, user: string, namespace?: string): Promise<void> {
    const roleRef = { apiGroup: RBAC, kind: 'ClusterRole', name: role };
    const subjects = [{ apiGroup: RBAC, kind: 'User', name: user }];
    const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
    await apply(kind, namespace === undefined ? role : `is-${role}`, { roleRef, subjects }, namespace);
  }

  /** What the API server itself says. */
  async function mayMint(user: string): Promise<boolean> {
    const args = [
      'auth',
      'can-i',
      'create',
      'serviceaccounts/robot',
      '--subresource=token',
      '-n',
      platform,
      `--as=${user}`,
    ];
    return (await cluster.kubectl(args)).stdout.trim() === 'yes';
  }

  const lint = async (home: string, kubeconfig: string) => {
    const file = join(files, 'policy.yaml');
    const spec = {
      operators: [{ name: 'staff', match: { username: '([a-z.]+@example\\.com)' } }],
      carriers: [{ name: 'sets', username: `system:serviceaccount:${home}:robot`, preset: 'jobset' }],
      session: {
        identity: 'pod-identity',
        region: 'eu-central-1',
        roles: [{ arn: 'arn:aws:iam::111122223333:role/a' }],
      },
    };
    const object = { apiVersion: 'countersign.dev/v1alpha1', kind: 'AttributionPolicy', metadata: { name: 'p' }, spec };
    writeFileSync(file, JSON.stringify(object));
    const child = countersign(['policy', 'lint', file, '--kubeconfig', kubeconfig]);
    const status = await child.status;
    return { status, output: child.output().replaceAll(file, 'policy.yaml') };
  };

  test('names who can act as a carrier, by which binding, as the API server sees it', async () => {
    const { status, output } = await lint(platform, auditor);
    const lines = output.split('\n').filter((line) => line.startsWith('policy.yaml: '));
    const named = lines.map((line) => /: User "(.*?)" can (.*?), by (.*?): /.exec(line)?.slice(1));
    const every = 'mint its tokens, impersonate it, run pods as it, enter its pods';
    expect(named).toEqual([
      ['adminor@example.com', `${every}, write RBAC there`, `RoleBinding "${platform}/is-admin"`],
      ['aggregated@example.com', 'mint its tokens', `RoleBinding "${platform}/is-lint-test-whole"`],
      ['editor@example.com', every, `RoleBinding "${platform}/is-edit"`],
    ]);
    for (const user of ['adminor', 'aggregated', 'editor']) expect(await mayMint(`${user}@example.com`)).toBe(true);
    expect(await mayMint('viewor@example.com')).toBe(false);
    expect(status).toBe(0);
  });

  test('says of the cluster who has Countersign’s verbs, and nothing of its own controllers', async () => {
    const { output } = await lint(platform, auditor);
    expect(output).toContain('cluster: notice: [VerbHeld] may restamp: User "carol@example.com" by ClusterRoleBinding');
    expect(output).toContain('cluster: notice: [VerbHeld] may govern: nobody but cluster admins');
    expect(output).toContain('Group "system:masters" by ClusterRoleBinding "cluster-admin"');
    expect(output).not.toContain('cluster: warning');
  });

  test('fails on a carrier that lives in a governed namespace', async () => {
    const { status, output } = await lint(governed, auditor);
    expect(output).toContain(
      `policy.yaml: error: [AccountInGovernedNamespace] spec.carriers[0]: carrier "sets" ` +
        `"system:serviceaccount:${governed}:robot" lives in namespace "${governed}", which policy "strict" governs`,
    );
    expect(status).toBe(1);
  });

  test('says what it could not list, and goes on', async () => {
    const { status, output } = await lint(governed, await cluster.userKubeconfig('half@example.com'));
    expect(output).toContain('error: [AccountInGovernedNamespace]');
    for (const what of ['clusterrolebindings', 'clusterroles', 'rolebindings', 'roles']) {
      expect(output).toContain(`cluster: error: cannot list ${what}: 403 `);
    }
    expect(output).not.toContain('cannot list namespaces');
    expect(output).not.toContain('nobody but cluster admins\n');
    expect(output).toContain('countersign: [ClusterFailed] ');
    expect(status).toBe(2);
  });

  test('fails when there is no cluster to look into', async () => {
    const child = countersign(['policy', 'lint', '--cluster', join(files, 'policy.yaml')]);
    expect(await child.status).toBe(2);
    expect(child.output()).toContain('[UsageInvalid]');
  });
});
