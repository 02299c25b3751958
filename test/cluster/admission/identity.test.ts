import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { containersOf, expectAttributed } from './support/attributed.ts';
import { ROLE, SESSION, STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { APP, podWith, podWithApp } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

const DEPLOY_ROLE = 'arn:aws:iam::111122223333:role/agent-deploy';

/** Takes whatever stands after the last separator: a rule that no admin should write, and that one will. */
const EVERYBODY = { name: 'everybody', match: { username: '(?:.*[:/])?([^:/]*)' } };

describe.skipIf(cluster.unavailable)('who stands behind a pod', () => {
  const countersign = useCountersign(cluster);
  let namespace: string;
  /** Where a rule captures anybody, the cluster's own identities too. */
  let wide: string;
  let platform: string;
  let alice: Person;
  let bob: Person;
  let bot: Person;

  beforeAll(async () => {
    platform = await countersign.namespace();
    const delegator = {
      name: 'bot',
      match: { username: `system:serviceaccount:${platform}:bot` },
      operators: ['(alice|dave|gone)@acme\\.com'],
    };
    const session = {
      ...SESSION,
      roles: [{ arn: ROLE }, { arn: DEPLOY_ROLE, groups: ['acme:deployers', `system:serviceaccounts:${platform}`] }],
    };
    const left = ['gone@acme.com'];
    const policy = await countersign.newPolicy({ operators: [STAFF], delegators: [delegator], left, session });
    namespace = await countersign.governedNamespace(policy);
    wide = await countersign.governedNamespace(await countersign.newPolicy({ operators: [EVERYBODY] }));
    [alice, bob, bot] = await Promise.all([
      countersign.person('alice@acme.com', ['acme:dev']),
      countersign.person('bob@acme.com'),
      countersign.serviceAccount(platform, 'bot'),
    ]);
  });

  describe('a human', () => {
    it('gets a pod with the session container, its volumes and the variables', async () => {
      const pod = await alice.created(namespace, podWith());
      expectAttributed(pod, 'alice@acme.com');
    });

    it('finds everything in it as planned', async () => {
      const pod = await alice.created(namespace, podWith());
      const { session, others } = containersOf(pod);
      expect(session).toEqual(plannedSession('alice@acme.com'));
      expect(others).toEqual([
        {
          name: 'app',
          image: 'app:1',
          imagePullPolicy: 'IfNotPresent',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          env: plannedVariables('alice@acme.com'),
          volumeMounts: [{ name: 'countersign', mountPath: '/var/run/countersign', readOnly: true }],
        },
      ]);
      expect(pod.spec?.volumes).toEqual([
        { name: 'countersign', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'countersign-private', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        {
          name: 'countersign-tokens',
          projected: {
            defaultMode: 0o444,
            sources: [
              {
                serviceAccountToken: { audience: 'sts.amazonaws.com', expirationSeconds: 3600, path: 'aws-token' },
              },
            ],
          },
        },
      ]);
    });

    it('is attributed by kubectl run as well', async () => {
      const { status, stdout } = await alice.kubectl(['run', 'by-run', '--image=app', '-n', namespace, '-o', 'json']);
      expect(status).toBe(0);
      expectAttributed(JSON.parse(stdout), 'alice@acme.com');
    });

    it('is attributed by server-side apply as well', async () => {
      const pod = JSON.stringify(podWith({}, { generateName: undefined, name: 'applied' }));
      const apply = ['apply', '--server-side', '-n', namespace, '-f', '-', '-o', 'json'];
      const { status, stdout } = await alice.kubectl(apply, pod);
      expect(status).toBe(0);
      expectAttributed(JSON.parse(stdout), 'alice@acme.com');
    });

    it('may name themselves', async () => {
      const annotations = { 'countersign.dev/on-behalf-of': 'alice@acme.com' };
      const env = [{ name: 'FAB_OPERATOR', value: 'alice@acme.com' }];
      const pod = await alice.created(namespace, podWith({ containers: [{ ...APP, env }] }, { annotations }));
      expectAttributed(pod, 'alice@acme.com');
    });

    it('gets another role where the policy allows it to one of the groups', async () => {
      const deployer = await countersign.person('dora@acme.com', ['acme:deployers']);
      const asking = podWithApp({ env: [{ name: 'FAB_SESSION_ROLE_ARN', value: DEPLOY_ROLE }] });
      expectAttributed(await deployer.created(namespace, asking), 'dora@acme.com', { role: DEPLOY_ROLE });
      expectAttributed(await deployer.created(namespace, podWith()), 'dora@acme.com', { role: ROLE });
    });

    it('does not get a role that is for others', async () => {
      const asking = podWithApp({ env: [{ name: 'FAB_SESSION_ROLE_ARN', value: DEPLOY_ROLE }] });
      const message = await alice.refused(namespace, asking);
      expect(message).toContain(`[RoleNotAllowed]`);
      expect(message).toContain(`does not let operator "alice@acme.com" use role "${DEPLOY_ROLE}"`);
      expect(message).toContain('Next: Leave FAB_SESSION_ROLE_ARN out');
    });
  });

  describe('refused is', () => {
    it('a service account', async () => {
      const account = await countersign.serviceAccount(platform, 'pipeline');
      expect(await account.refused(namespace, podWith())).toBe(
        `[NotHuman] service account "system:serviceaccount:${platform}:pipeline" is not a human, and pods here run in the name of one. Next: Create the pod as yourself, or ask a cluster admin to make this identity a delegator of the policy.`,
      );
    });

    it('a user whom no rule matches', async () => {
      const mallory = await countersign.person('mallory@evil.example');
      const message = await mallory.refused(namespace, podWith());
      expect(message).toMatch(
        /^\[NoOperatorRule\] no operator rule of policy ".+" matches user "mallory@evil.example"/,
      );
      expect(message).toContain('Next: Ask a cluster admin to add a rule for you');
    });

    it('a user whose name only contains one that a rule matches', async () => {
      for (const name of ['alice@acme.community', 'x/alice@acme.com', 'alice@acme.com\nbob', 'ALICE@acme.com']) {
        const person = await countersign.person(name);
        expect(await person.refused(namespace, podWith())).toMatch(/^\[(NoOperatorRule|RequesterUnreadable)\]/);
      }
    });

    it.each([
      ['Carol Smith', 'it contains U+0020'],
      ['carol#guest', 'it contains "#"'],
      ['x', 'it has 1 of the 2 characters needed'],
      ['c'.repeat(65), 'it has 65 characters, 64 are allowed'],
      ['c|arol', 'it contains "|"'],
    ])('%s, which is no name for AWS', async (name, flaw) => {
      const carol = await countersign.person(name);
      const message = await carol.refused(wide, podWith());
      expect(message).toContain(`[OperatorNotClean] rule "everybody" makes "${name}"`);
      expect(message).toContain(`does not take as a SourceIdentity: ${flaw}.`);
      expect(message).toContain('Next: Ask a cluster admin to change the rule');
    });

    it('a name with a letter that only looks like one', async () => {
      // The Kelvin sign folds to k.
      for (const where of [namespace, wide]) {
        const kate = await countersign.person('\u212Aate@acme.com');
        const message = await kate.refused(where, podWith());
        expect(message).toContain('[RequesterUnreadable]');
        expect(message).toContain('it contains U+212A');
        expect(message).toContain('Next: Ask a cluster admin to give you a username of printable ASCII');
      }
    });

    it('an operator who left', async () => {
      const gone = await countersign.person('gone@acme.com');
      const message = await gone.refused(namespace, podWith());
      expect(message).toContain('[OperatorLeft]');
      expect(message).toContain('lists operator "gone@acme.com" as having left');
    });
  });

  describe('a human who claims to be somebody else is refused', () => {
    it('by FAB_OPERATOR', async () => {
      const message = await bob.refused(
        namespace,
        podWithApp({ env: [{ name: 'FAB_OPERATOR', value: 'alice@acme.com' }] }),
      );
      expect(message).toBe(
        '[OperatorClaimedByOther] variable FAB_OPERATOR of container "app" names operator "alice@acme.com", and you are "bob@acme.com". Next: Leave the name out, it is set for you; only a delegator of the policy may name somebody else.',
      );
    });

    it('by the annotation', async () => {
      const annotations = { 'countersign.dev/on-behalf-of': 'alice@acme.com' };
      const message = await bob.refused(namespace, podWith({}, { annotations }));
      expect(message).toContain('[OperatorClaimedByOther] the annotation countersign.dev/on-behalf-of names operator');
    });

    it('in an init container', async () => {
      const env = [{ name: 'FAB_OPERATOR', value: 'alice@acme.com' }];
      const message = await bob.refused(namespace, podWith({ initContainers: [{ ...APP, name: 'first', env }] }));
      expect(message).toContain('[OperatorClaimedByOther] variable FAB_OPERATOR of container "first"');
    });

    it('by a name that differs in case, or is empty', async () => {
      for (const value of ['Bob@acme.com', 'bob@acme.com ', '']) {
        const message = await bob.refused(namespace, podWithApp({ env: [{ name: 'FAB_OPERATOR', value }] }));
        expect(message).toContain('[OperatorClaimedByOther]');
      }
    });

    it('also where the name comes from elsewhere', async () => {
      const valueFrom = { fieldRef: { fieldPath: 'metadata.annotations[who]' } };
      const message = await bob.refused(
        namespace,
        podWith(
          { containers: [{ ...APP, env: [{ name: 'FAB_OPERATOR', valueFrom }] }] },
          { annotations: { who: 'alice@acme.com' } },
        ),
      );
      expect(message).toContain('[OperatorClaimUnclear]');
      expect(message).toContain('container "app" sets FAB_OPERATOR by valueFrom');
      expect(message).toContain('Next: Leave FAB_OPERATOR and countersign.dev/on-behalf-of out');
    });

    it('also where the name is given twice', async () => {
      const env = ['bob@acme.com', 'alice@acme.com'].map((value) => ({ name: 'FAB_OPERATOR', value }));
      const message = await bob.refused(namespace, podWithApp({ env }));
      expect(message).toContain('[OperatorClaimUnclear]');
      expect(message).toContain('container "app" sets FAB_OPERATOR 2 times');
    });

    it('also where containers differ', async () => {
      const [own, other] = ['bob@acme.com', 'alice@acme.com'].map((value) => [{ name: 'FAB_OPERATOR', value }]);
      const containers = [
        { ...APP, env: own },
        { ...APP, name: 'second', env: other },
      ];
      expect(await bob.refused(namespace, podWith({ containers }))).toContain('[OperatorClaimUnclear]');
    });

    it('also by a reference to another variable', async () => {
      const env = [
        { name: 'WHO', value: 'alice@acme.com' },
        { name: 'FAB_OPERATOR', value: '$(WHO)' },
      ];
      expect(await bob.refused(namespace, podWithApp({ env }))).toContain('[OperatorClaimUnclear]');
    });
  });

  describe('a delegator', () => {
    const naming = (operator: string) => podWith({}, { annotations: { 'countersign.dev/on-behalf-of': operator } });

    it('names an operator by the annotation', async () => {
      expectAttributed(await bot.created(namespace, naming('alice@acme.com')), 'alice@acme.com');
    });

    it('names an operator by FAB_OPERATOR, as agent runtimes do', async () => {
      const env = [{ name: 'FAB_OPERATOR', value: 'dave@acme.com' }];
      expectAttributed(await bot.created(namespace, podWithApp({ env })), 'dave@acme.com');
    });

    it('is recorded beside the operator', async () => {
      const pod = await bot.created(namespace, naming('alice@acme.com'));
      expect((await countersign.creationOf(pod)).annotations).toMatchObject({
        'pods.countersign.dev/operator': 'alice@acme.com',
        'pods.countersign.dev/delegator': `system:serviceaccount:${platform}:bot`,
        'pods.countersign.dev/rule': 'bot',
      });
    });

    it('is refused for an operator whom its rule does not name', async () => {
      const message = await bot.refused(namespace, naming('bob@acme.com'));
      expect(message).toContain('[DelegationNotAllowed] delegator rule "bot" does not let');
      expect(message).toContain('act for "bob@acme.com". Next: Ask a cluster admin to widen');
    });

    it('is refused for a name that only contains one it may name', async () => {
      for (const name of ['alice@acme.com.evil.example', 'xalice@acme.com']) {
        expect(await bot.refused(namespace, naming(name))).toContain('[DelegationNotAllowed]');
      }
    });

    it('is refused without a name', async () => {
      const message = await bot.refused(namespace, podWith());
      expect(message).toContain('[DelegatorNamedNobody]');
      expect(message).toContain('Next: Set the annotation countersign.dev/on-behalf-of');
    });

    it('is refused with two names', async () => {
      const env = [{ name: 'FAB_OPERATOR', value: 'dave@acme.com' }];
      const annotations = { 'countersign.dev/on-behalf-of': 'alice@acme.com' };
      const pod = podWith({ containers: [{ ...APP, env }] }, { annotations });
      expect(await bot.refused(namespace, pod)).toContain('[OperatorClaimUnclear]');
    });

    it('is refused for a name that is none', async () => {
      for (const name of ['', 'system:admin', 'alice@acme.com\n'])
        expect(await bot.refused(namespace, naming(name))).toContain('[OperatorNotClean]');
    });

    it('is refused for an operator who left', async () => {
      expect(await bot.refused(namespace, naming('gone@acme.com'))).toContain('[OperatorLeft]');
    });

    it('does not get a role of its own groups for the operator', async () => {
      const env = [{ name: 'FAB_SESSION_ROLE_ARN', value: DEPLOY_ROLE }];
      const annotations = { 'countersign.dev/on-behalf-of': 'alice@acme.com' };
      const pod = podWith({ containers: [{ ...APP, env }] }, { annotations });
      expect(await bot.refused(namespace, pod)).toContain('[RoleNotAllowed]');
    });

    it('is not believed where somebody impersonates it', async () => {
      const as = ['--as', `system:serviceaccount:${platform}:bot`];
      for (const person of [bob, countersign.administrator]) {
        const message = await person.refused(namespace, naming('alice@acme.com'), ...as);
        expect(message).toContain(
          `[DelegatorDoubtful] delegator "system:serviceaccount:${platform}:bot" is not believed`,
        );
        expect(message).toContain('it showed no token of its own');
      }
    });

    it('is not believed in the namespace of the pod, where every editor can be it', async () => {
      const name = countersign.newName();
      const home = await countersign.governedNamespace(name);
      const match = { username: `system:serviceaccount:${home}:bot` };
      const delegators = [{ name: 'bot', match, operators: ['.+@acme\\.com'] }];
      await countersign.newPolicy({ operators: [STAFF], delegators }, name);
      const atHome = await countersign.serviceAccount(home, 'bot');
      const message = await atHome.refused(home, naming('alice@acme.com'));
      expect(message).toContain('[DelegatorDoubtful]');
      expect(message).toContain('it lives in the namespace of the pod');
      expect(message).toContain('Next: Run the delegator in a namespace of its own');
    });

    it('of another namespace with the same name is none', async () => {
      const namesake = await countersign.serviceAccount(namespace, 'bot');
      expect(await namesake.refused(namespace, naming('alice@acme.com'))).toContain('[NotHuman]');
    });
  });

  describe('a running session is not a human', () => {
    const session = (...flags: string[]) => ['--as', 'alice@acme.com', ...flags];
    const raw = (headers: Record<string, string>) =>
      countersign.admin.refusal(namespace, podWith(), { 'Impersonate-User': 'alice@acme.com', ...headers });

    it('by its group', async () => {
      const group = 'countersign.dev:session:4b8ad2ea-63a0-4a2e-8f19-1a9a11a2d1b0';
      const message = await countersign.administrator.refused(namespace, podWith(), ...session('--as-group', group));
      expect(message).toBe(
        `[SessionRequester] the request comes from a running agent session ("${group}"), and a session is not a human. Next: Do it as yourself, outside the session.`,
      );
    });

    it('by its extra key', async () => {
      const flags = session('--as-user-extra', 'countersign.dev/session=4b8ad2ea');
      const message = await countersign.administrator.refused(namespace, podWith(), ...flags);
      expect(message).toContain('[SessionRequester]');
      expect(message).toContain('countersign.dev/session=4b8ad2ea');
    });

    it.each([
      'IMPERSONATE-EXTRA-COUNTERSIGN.DEV%2FSESSION',
      'Impersonate-Extra-Countersign.Dev%2fSession',
      // The API server lowers the case first and decodes then, so this makes a key with a capital letter.
      'Impersonate-Extra-countersign.dev%2f%53ession',
    ])('by its extra key, spelled %s', async (header) => {
      expect((await raw({ [header]: 'x' })).message).toContain('[SessionRequester]');
    });

    it('by an extra key without a value', async () => {
      expect((await raw({ 'Impersonate-Extra-countersign.dev%2fsession': '' })).message).toContain(
        '[SessionRequester]',
      );
    });

    it('by its service account', async () => {
      const account = await countersign.serviceAccount(platform, 'fab-4b8ad2ea');
      for (const where of [namespace, wide])
        expect(await account.refused(where, podWith())).toContain('[SessionRequester]');
    });

    it('also where a rule would capture it', async () => {
      const flags = session('--as-group', 'countersign.dev:session:x');
      expect(await countersign.administrator.refused(wide, podWith(), ...flags)).toContain('[SessionRequester]');
    });

    it('also as a delegator', async () => {
      const as = ['--as', `system:serviceaccount:${platform}:bot`, '--as-group', 'countersign.dev:session:x'];
      const pod = podWith({}, { annotations: { 'countersign.dev/on-behalf-of': 'alice@acme.com' } });
      expect(await countersign.administrator.refused(namespace, pod, ...as)).toContain('[SessionRequester]');
    });
  });

  describe("the cluster's own identities are nobody, though a rule captures them:", () => {
    it('a service account', async () => {
      const account = await countersign.serviceAccount(platform, 'alice');
      expect(await account.refused(wide, podWith())).toContain('[NotHuman] service account');
    });

    it('a node', async () => {
      const node = await countersign.person('system:node:worker', ['system:nodes']);
      expect(await node.refused(wide, podWith())).toContain('[NotHuman] system identity "system:node:worker"');
    });

    it.each(['system:kube-controller-manager', 'system:kube-scheduler', 'system:admin', 'system:alice'])(
      '%s with a certificate',
      async (name) => {
        const component = await countersign.person(name);
        expect(await component.refused(wide, podWith())).toContain(`[NotHuman] system identity "${name}"`);
      },
    );

    it('somebody anonymous', async () => {
      const { message } = await countersign.admin.refusal(wide, podWith(), { 'Impersonate-User': 'system:anonymous' });
      expect(message).toContain('[NotHuman] system identity "system:anonymous"');
    });

    it.each(['system:serviceaccounts', 'system:nodes', 'system:unauthenticated'])(
      'a user whom somebody put into group %s by impersonation',
      async (group) => {
        const headers = { 'Impersonate-User': 'alice@acme.com', 'Impersonate-Group': group };
        const { message } = await countersign.admin.refusal(namespace, podWith(), headers);
        expect(message).toContain('[NotHuman] system identity "alice@acme.com"');
      },
    );

    it('a service account that an editor impersonates', async () => {
      await countersign.serviceAccount(namespace, 'tool');
      const flags = ['--as', `system:serviceaccount:${namespace}:tool`];
      expect(await bob.refused(namespace, podWith(), ...flags)).toContain('[NotHuman] service account');
    });
  });

  describe('whom somebody impersonates counts, not who does:', () => {
    it('a user', async () => {
      const pod = await countersign.administrator.created(namespace, podWith(), '--as', 'alice@acme.com');
      expectAttributed(pod, 'alice@acme.com');
      const event = await countersign.creationOf(pod);
      expect(event).toMatchObject({ user: { username: 'admin' }, impersonatedUser: { username: 'alice@acme.com' } });
      expect(event.annotations?.['pods.countersign.dev/operator']).toBe('alice@acme.com');
    });

    it('a user whom no rule matches', async () => {
      const flags = ['--as', 'mallory@evil.example'];
      expect(await countersign.administrator.refused(namespace, podWith(), ...flags)).toContain('[NoOperatorRule]');
    });

    it('the administrator by the own name, which no rule matches', async () => {
      expect(await countersign.administrator.refused(namespace, podWith())).toContain('matches user "admin"');
    });

    it('nobody whom an editor has no right to impersonate', async () => {
      const { stderr } = await bob.kubectl(['run', 'x', '--image=x', '-n', namespace, '--as', 'alice@acme.com']);
      expect(stderr).toContain('User "bob@acme.com" cannot impersonate');
    });
  });

  describe('a user of EKS', () => {
    const arn = 'arn:aws:sts::111122223333:assumed-role/Developers/alice-acme.com';
    let eks: string;

    beforeAll(async () => {
      const operators = [
        { name: 'users', preset: 'eks-iam-user', with: { account: '111122223333' } },
        { name: 'roles', preset: 'eks-assumed-role', with: { account: '111122223333', role: 'Developers' } },
      ];
      eks = await countersign.governedNamespace(await countersign.newPolicy({ operators }));
    });

    /** As aws-iam-authenticator fills them; the API server lowers what is not percent-encoded. */
    const extras = (values: Record<string, string | string[]>) =>
      Object.fromEntries(
        Object.entries(values).map(([key, value]) => [
          `Impersonate-Extra-${key.replaceAll(/[A-Z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)}`,
          value,
        ]),
      );

    it('is the end of an IAM user’s ARN', async () => {
      const flags = ['--as', 'arn:aws:iam::111122223333:user/eng/alice@acme.com'];
      expectAttributed(await countersign.administrator.created(eks, podWith(), ...flags), 'alice@acme.com');
    });

    it('is the raw session name of a role, not the one in the username', async () => {
      const headers = extras({
        arn,
        canonicalArn: arn,
        sessionName: 'alice@acme.com',
        accessKeyId: 'ASIAX',
        principalId: 'x',
      });
      const { status, body } = await countersign.admin.postPod(eks, podWith(), {
        headers: { 'Impersonate-User': arn, ...headers },
      });
      expect(status).toBe(201);
      expectAttributed(body, 'alice@acme.com');
    });

    it.each([
      ['without a session name', { arn }],
      ['with two session names', { arn, sessionName: ['alice@acme.com', 'bob@acme.com'] }],
      ['with the session name under another key', { arn, sessionname: 'alice@acme.com' }],
    ])('is nobody %s', async (_, values: Record<string, string | string[]>) => {
      const { status, body } = await countersign.admin.postPod(eks, podWith(), {
        headers: { 'Impersonate-User': arn, ...extras(values) },
      });
      expect(status).toBe(403);
      expect(body.message).toContain('[OperatorNotClean]');
    });

    it.each([
      ['another account', 'arn:aws:sts::999999999999:assumed-role/Developers/x'],
      ['another role', 'arn:aws:sts::111122223333:assumed-role/Admins/x'],
      ['a role with a longer name', 'arn:aws:sts::111122223333:assumed-role/Developers2/x'],
    ])('is nobody from %s', async (_, other) => {
      const headers = { 'Impersonate-User': other, ...extras({ arn: other, sessionName: 'alice@acme.com' }) };
      const { status, body } = await countersign.admin.postPod(eks, podWith(), { headers });
      expect(status).toBe(403);
      expect(body.message).toContain('[NoOperatorRule]');
    });
  });
});

function plannedVariables(operator: string): object[] {
  const set = (name: string, value: string) => ({ name, value });
  return [
    set('FAB_OPERATOR', operator),
    set('FAB_SESSION_ROLE_ARN', ROLE),
    set('FAB_SESSION_DURATION', '1800'),
    { name: 'FAB_SESSION_ID', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } } },
    set('KUBECONFIG', '/var/run/countersign/kubeconfig'),
    set('AWS_CONTAINER_CREDENTIALS_FULL_URI', 'http://127.0.0.1:9911/v1/credentials'),
    set('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', '/var/run/countersign/aws-token'),
    set('AWS_CONFIG_FILE', '/var/run/countersign/aws-config'),
    set('AWS_SHARED_CREDENTIALS_FILE', '/var/run/countersign/aws-credentials'),
    set('AWS_EC2_METADATA_DISABLED', 'true'),
    { name: 'AWS_ACCESS_KEY_ID' },
    { name: 'AWS_SECRET_ACCESS_KEY' },
    { name: 'AWS_SESSION_TOKEN' },
    { name: 'AWS_ROLE_ARN' },
    { name: 'AWS_WEB_IDENTITY_TOKEN_FILE' },
    { name: 'AWS_CONTAINER_AUTHORIZATION_TOKEN' },
    { name: 'AWS_ACCESS_KEY' },
    { name: 'AWS_SECRET_KEY' },
    { name: 'BOTO_CONFIG' },
  ];
}

function plannedSession(operator: string): object {
  return {
    name: 'countersign',
    image: `countersign@sha256:${'0'.repeat(64)}`,
    imagePullPolicy: 'IfNotPresent',
    command: ['/usr/local/bin/countersign', 'session', 'run'],
    restartPolicy: 'Always',
    lifecycle: {
      postStart: { exec: { command: ['/usr/local/bin/countersign', 'session', 'await-ready', '--seconds=10'] } },
    },
    env: [
      { name: 'FAB_OPERATOR', value: operator },
      { name: 'FAB_SESSION_ROLE_ARN', value: ROLE },
      { name: 'FAB_SESSION_DURATION', value: '1800' },
      { name: 'FAB_SESSION_ID', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } } },
      { name: 'NODE_OPTIONS', value: '--max-semi-space-size=1 --max-old-space-size=32 --disable-sigusr1' },
      { name: 'MALLOC_ARENA_MAX', value: '1' },
      { name: 'COUNTERSIGN_IDENTITY', value: 'irsa' },
      { name: 'COUNTERSIGN_BASE_ROLE_ARN', value: SESSION.baseRole },
      { name: 'COUNTERSIGN_REGION', value: 'eu-central-1' },
      { name: 'COUNTERSIGN_STS_ENDPOINT', value: 'https://sts.eu-central-1.amazonaws.com' },
      { name: 'COUNTERSIGN_SESSION_TAGS', value: 'true' },
      { name: 'COUNTERSIGN_INSTANCE_METADATA', value: 'refuse' },
      { name: 'COUNTERSIGN_KUBERNETES_IDENTITY', value: 'none' },
    ],
    resources: { requests: { cpu: '10m', memory: '40Mi' }, limits: { cpu: '500m', memory: '128Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: 64_118,
      runAsNonRoot: true,
      runAsUser: 64_118,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'countersign', mountPath: '/var/run/countersign' },
      { name: 'countersign-private', mountPath: '/var/run/countersign-private' },
      { name: 'countersign-tokens', mountPath: '/var/run/countersign-tokens', readOnly: true },
    ],
  };
}
