import { describe, expect, it } from 'vitest';
import { formatFinding, severityOf } from '../../../src/policy/finding.ts';
import { type ClusterView, lintCluster, lintInCluster } from '../../../src/policy/lint-cluster.ts';
import { PEOPLE, read } from '../support/policies.ts';
import { account, clusterView, EVERYTHING, group, rule, user } from '../support/rbac.ts';

const ROBOT = 'system:serviceaccount:platform:robot';

const carrier = { carriers: [{ name: 'sets', username: ROBOT, preset: 'jobset' }] };
const adjuster = { adjusters: [{ name: 'queue', username: ROBOT, fields: ['spec.nodeSelector'] }] };
const delegator = (username: string, more: object = {}) => ({
  delegators: [{ name: 'bot', match: { username, ...more }, operators: ['alice'] }],
});

/** Severity and text. */
function lint(spec: object, view: ClusterView): string[] {
  return lintInCluster(read({ ...PEOPLE, ...spec }), view).map((each) => `${severityOf(each)} ${formatFinding(each)}`);
}

describe('an account in a governed namespace is an error', () => {
  const governed = clusterView({ agents: 'strict', platform: 'strict', other: undefined });

  it.each<[string, object, string]>([
    ['a carrier', carrier, 'spec.carriers[0]: carrier "sets"'],
    ['an adjuster', adjuster, 'spec.adjusters[0]: adjuster "queue"'],
    ['a delegator', delegator(ROBOT), 'spec.delegators[0]: delegator "bot"'],
    [
      'a delegator by a pattern',
      delegator('system:serviceaccount:(platform|other):.+'),
      'delegator "bot", for example',
    ],
    [
      'a delegator with an extra key that accounts have',
      delegator(ROBOT, { extra: { 'authentication.kubernetes.io/credential-id': 'JTI=.+' } }),
      'delegator "bot"',
    ],
    [
      'a delegator by its namespace’s group',
      { delegators: [{ name: 'bot', match: { groups: ['system:serviceaccounts:platform'] }, operators: ['alice'] }] },
      'delegator "bot"',
    ],
  ])('%s', (_title, spec, part) => {
    const findings = lint(spec, governed);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain('error [AccountInGovernedNamespace] ');
    expect(findings[0]).toContain(part);
    expect(findings[0]).toContain('lives in namespace "platform", which policy "strict" governs');
  });

  it('once for one account under several rules', () => {
    expect(lint({ ...carrier, ...adjuster }, governed)).toEqual([
      expect.stringContaining('spec.carriers[0]: carrier "sets", adjuster "queue" '),
    ]);
  });

  it.each<[string, object]>([
    ['lives elsewhere', delegator('system:serviceaccount:other:robot')],
    ['is a human', delegator('oidc:.+')],
    ['lives where nothing is governed, whatever the labels', delegator('system:serviceaccount:kube-system:robot')],
    ['has an extra key that no account has', delegator('.*', { extra: { sessionName: '.+' } })],
    ['is only in a group that no account of the namespace is in', delegator(ROBOT, { groups: ['robots'] })],
  ])('and is none when it %s', (_title, spec) => {
    expect(lint(spec, clusterView({ platform: 'strict', other: undefined, 'kube-system': 'strict' }))).toEqual([]);
  });

  it('not known without the namespaces, and not claimed', () => {
    expect(lint(carrier, { ...governed, namespaces: undefined })).toEqual([]);
  });

  it('of many namespaces shown in part', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`team-${index}`, 'strict']));
    const findings = lint(delegator('system:serviceaccount:team-.*:bot'), clusterView(many));
    expect(findings).toHaveLength(21);
    expect(findings.at(-1)).toContain('and 10 more like these');
  });
});

it('an account whose namespace is not there yet is of whoever makes it', () => {
  expect(lint(carrier, clusterView({}))).toEqual([
    expect.stringContaining('warning [NamespaceMissing] spec.carriers[0]: '),
  ]);
});

describe('who can act as an account', () => {
  const alice = [user('alice')];
  const inPlatform = (rules: ReturnType<typeof rule>[]) =>
    lint(carrier, clusterView({ platform: undefined }, [{ in: 'platform', to: alice, rules }]));

  it.each<[string, ReturnType<typeof rule>]>([
    ['mint its tokens', rule('create', '', 'serviceaccounts/token', 'robot')],
    ['impersonate it', rule('impersonate', '', 'serviceaccounts')],
    ['impersonate it', rule('impersonate:serviceaccount', 'authentication.k8s.io', 'serviceaccounts', 'robot')],
    ['run pods as it', rule('create', '', 'pods')],
    ['run pods as it', rule('patch', '', 'pods', 'x')],
    ['run pods as it', rule('create', 'batch', 'cronjobs')],
    ['run pods as it', rule('update', 'apps', 'deployments')],
    ['run pods as it', rule('create', 'agents.x-k8s.io', 'sandboxes')],
    ['enter its pods', rule('create', '', 'pods/exec')],
    ['enter its pods', rule('get', '', 'pods/attach')],
    ['enter its pods', rule('patch', '', 'pods/ephemeralcontainers')],
    ['write RBAC there', rule('create', 'rbac.authorization.k8s.io', 'rolebindings')],
    ['write RBAC there', rule('update', 'rbac.authorization.k8s.io', 'roles', 'x')],
  ])('can %s', (what, given) => {
    expect(inPlatform([given])).toEqual([
      `warning [AccountReachable] spec.carriers[0]: User "alice" can ${what}, by RoleBinding "platform/b0": ` +
        `whoever acts as carrier "sets" "${ROBOT}" can pass pods off as those of other people's workloads; ` +
        'leave that to cluster admins',
    ]);
  });

  it.each<[string, ReturnType<typeof rule>]>([
    ['looking', rule('get list watch', '', 'pods serviceaccounts secrets pods/log')],
    ['tokens of another account', rule('create', '', 'serviceaccounts/token', 'other')],
    ['impersonation of users', rule('impersonate', '', 'users groups')],
    ['scaling', rule('update patch', 'apps', 'deployments/scale')],
    [
      'a cluster-wide right that a RoleBinding does not give',
      rule('create', 'rbac.authorization.k8s.io', 'clusterroles'),
    ],
  ])('is not who has the right of %s', (_title, given) => {
    expect(inPlatform([given])).toEqual([]);
  });

  it('is who may look at everything, as a WebSocket to a command begins with a GET', () => {
    expect(inPlatform([rule('get list watch', '', '*')])).toEqual([expect.stringContaining('can enter its pods, by')]);
  });

  it('is told once for each subject, with all ways and bindings, sorted', () => {
    const view = clusterView({ platform: undefined }, [
      { in: 'platform', to: [user('zoe'), group('devs')], rules: [rule('create', '', 'pods pods/exec')] },
      { to: [user('zoe')], rules: [rule('create', '', 'serviceaccounts/token')] },
      { in: 'elsewhere', to: [user('eve')], rules: [rule('*', '*', '*')] },
    ]);
    const findings = lint({ ...carrier, ...adjuster }, view);
    expect(findings).toHaveLength(2);
    expect(findings[0]).toContain('Group "devs" can run pods as it, enter its pods, by RoleBinding "platform/b0": ');
    expect(findings[1]).toContain(
      'User "zoe" can mint its tokens, run pods as it, enter its pods, by ClusterRoleBinding "b1", RoleBinding',
    );
  });

  it('leaves out who has the cluster anyway, and the account itself', () => {
    const view = clusterView({ platform: undefined }, [
      { to: [group('admins'), group('system:masters')], rules: [EVERYTHING] },
      {
        to: [account('kube-system', 'job-controller'), user('system:kube-controller-manager'), user('system:node:n1')],
        rules: [rule('create', '', 'pods serviceaccounts/token')],
      },
      { in: 'platform', to: [account('platform', 'robot')], rules: [rule('*', '', 'pods')] },
    ]);
    expect(lint(carrier, view)).toEqual([]);
  });

  it('does not leave out everybody, when everybody may do everything', () => {
    const view = clusterView({ platform: undefined }, [{ to: [group('system:authenticated')], rules: [EVERYTHING] }]);
    expect(lint(carrier, view)).toEqual([expect.stringContaining('Group "system:authenticated" can mint its tokens')]);
  });

  it('of an account that is no service account is who may impersonate that user', () => {
    const spec = { adjusters: [{ name: 'queue', username: 'system:queue', fields: ['spec.nodeSelector'] }] };
    const view = clusterView({}, [
      { to: [user('any')], rules: [rule('impersonate', '', 'users')] },
      { to: [user('one')], rules: [rule('impersonate', '', 'users', 'system:queue')] },
      { to: [user('other')], rules: [rule('impersonate', '', 'users', 'bob')] },
      { in: 'platform', to: [user('local')], rules: [rule('impersonate', '', 'users')] },
    ]);
    expect(lint(spec, view).map((text) => /User "(\w+)"/.exec(text)?.[1])).toEqual(['any', 'one']);
  });

  it('is shown in part when many can', () => {
    const to = Array.from({ length: 25 }, (_, index) => user(`u${index + 10}`));
    const view = clusterView({ platform: undefined }, [{ in: 'platform', to, rules: [rule('create', '', 'pods')] }]);
    const findings = lint(carrier, view);
    expect(findings).toHaveLength(21);
    expect(findings.at(-1)).toBe('warning [AccountReachable] spec.carriers[0]: and 5 more like these');
  });
});

describe('of the cluster itself lint says', () => {
  const all = (view: ClusterView) => lintCluster(view).map((each) => `${severityOf(each)} ${formatFinding(each)}`);
  const verb = (verbs: string, ...names: string[]) => rule(verbs, 'countersign.dev', 'attributionpolicies', ...names);

  it('who has the verbs, and who may do everything', () => {
    const view = clusterView({}, [
      { to: [group('admins')], rules: [EVERYTHING] },
      { to: [user('carol')], rules: [verb('restamp govern')] },
      { to: [user('dora')], rules: [verb('*')] },
      { to: [user('named')], rules: [verb('restamp', 'one-policy')] },
      { in: 'agents', to: [user('local')], rules: [verb('restamp')] },
    ]);
    const dora = 'User "dora" by ClusterRoleBinding "b2"';
    const both = `User "carol" by ClusterRoleBinding "b1"; ${dora}`;
    expect(all(view)).toEqual([
      `notice [VerbHeld] may break-glass: ${dora}`,
      `notice [VerbHeld] may mint-tokens: ${dora}`,
      `notice [VerbHeld] may restamp: ${both}`,
      `notice [VerbHeld] may govern: ${both}`,
      'notice [ClusterAdmins] may do everything, and are left out above: Group "admins" by ClusterRoleBinding "b0"',
    ]);
  });

  it('that nobody has a verb, only when it has seen all', () => {
    const view = clusterView({});
    expect(all(view)).toContain('notice [VerbHeld] may restamp: nobody but cluster admins');
    expect(all({ ...view, complete: false }).join()).not.toContain('nobody but');
  });

  it('who can act as the controllers of Kubernetes', () => {
    const view = clusterView({}, [
      { in: 'kube-system', to: [user('ops')], rules: [rule('create', '', 'serviceaccounts/token', 'job-controller')] },
      { in: 'kube-system', to: [user('dns')], rules: [rule('create', '', 'serviceaccounts/token', 'coredns')] },
    ]);
    const reachable = all(view).filter((text) => text.includes('AccountReachable'));
    expect(reachable).toEqual([expect.stringContaining('User "ops" can mint its tokens')]);
  });
});
