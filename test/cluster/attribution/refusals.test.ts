import { beforeAll, describe, expect, it } from 'vitest';
import { ROLE, SESSION } from '../admission/support/countersign.ts';
import type { Person } from '../admission/support/person.ts';
import { APP, tokenVolume } from '../admission/support/pods.ts';
import { connect } from '../fixture.ts';
import { expectLineage, expectStamped } from './support/lineage.ts';
import { ALICE, apply, kubectl, refused, useScene } from './support/scene.ts';
import { pathOf } from './support/store.ts';
import { type Manifest, running, TEMPLATED, type Templated, workload } from './support/workloads.ts';

const cluster = connect();

const CREATE = ['create', '-f', '-'];
const ON_BEHALF_OF = 'countersign.dev/on-behalf-of';
const PLATFORM = 'attribution-platform';
const BOT = `system:serviceaccount:${PLATFORM}:bot`;

const delegators = [{ name: 'bot', match: { username: BOT }, operators: ['(alice|dave)@acme\\.com'] }];
const left = ['gone@acme.com'];

describe.skipIf(cluster.unavailable)(
  'a workload of which nobody would be the operator is refused when it is applied',
  () => {
    const scene = useScene(cluster, { delegators, left });
    let namespace: string;
    let platform: string;
    let bot: Person;
    let robot: Person;

    beforeAll(async () => {
      namespace = await scene.governed();
      platform = await scene.ungoverned();
      bot = await scene.account(PLATFORM, 'bot');
      robot = await scene.countersign.serviceAccount(platform, 'robot');
    });

    const named = (kind: Templated, name: string, annotations: object, pod: object = {}): Manifest => {
      const manifest = workload(kind, name, pod);
      return { ...manifest, metadata: { ...manifest.metadata, annotations } };
    };

    const claiming = (operator: string): object => ({
      containers: [{ ...APP, env: [{ name: 'FAB_OPERATOR', value: operator }] }],
    });

    async function isThere(kind: Templated, name: string): Promise<boolean> {
      return (await scene.store.api.call('GET', pathOf(kind, namespace, name))).status === 200;
    }

    describe.each(TEMPLATED)('a %s', (kind) => {
      it('of a service account, of a running session, of somebody whom no rule knows', async () => {
        const mallory = await scene.countersign.person('mallory@evil.example');
        const session = ['--as', ALICE, '--as-group', 'countersign.dev:session:4b8ad2ea'];
        const manifest = workload(kind, 'refused');
        expect(await refused(robot, namespace, CREATE, manifest)).toMatch(
          new RegExp(`^\\[NotHuman\\] service account "system:serviceaccount:${platform}:robot" is not a human`),
        );
        expect(await refused(mallory, namespace, CREATE, manifest)).toContain('[NoOperatorRule]');
        const admin = scene.countersign.administrator;
        expect(await refused(admin, namespace, [...CREATE, ...session], manifest)).toContain('[SessionRequester]');
        expect(await isThere(kind, 'refused')).toBe(false);
      });

      it('that claims somebody else in its template, or on itself', async () => {
        const inTemplate = workload(kind, 'claims', claiming(ALICE));
        const message = await refused(scene.bob, namespace, CREATE, inTemplate);
        expect(message).toContain('[OperatorClaimedByOther] variable FAB_OPERATOR of container "app" names operator');
        expect(message).toContain('"alice@acme.com", and you are "bob@acme.com"');
        const onItself = named(kind, 'claims', { [ON_BEHALF_OF]: ALICE });
        expect(await refused(scene.bob, namespace, CREATE, onItself)).toContain('[OperatorClaimedByOther]');
        expect(await isThere(kind, 'claims')).toBe(false);
      });
    });

    it('of somebody who left', async () => {
      const gone = await scene.countersign.person('gone@acme.com');
      expect(await refused(gone, namespace, CREATE, workload('Job', 'gone'))).toContain('[OperatorLeft]');
    });

    it('whose pods would be refused for what they hold', async () => {
      const pod = { volumes: [tokenVolume('token')] };
      expect(await refused(scene.alice, namespace, CREATE, workload('Deployment', 'token', pod))).toContain(
        '[TokenProjection]',
      );
      const role = { containers: [{ ...APP, env: [{ name: 'FAB_SESSION_ROLE_ARN', value: `${ROLE}-other` }] }] };
      expect(await refused(scene.alice, namespace, CREATE, workload('Deployment', 'role', role))).toContain(
        '[RoleNotAllowed]',
      );
    });

    it('with a number that not everybody reads as the same one', async () => {
      const text = JSON.stringify(workload('Deployment', 'number', { terminationGracePeriodSeconds: 4711 }));
      // 2^53 + 1; the API server keeps all its digits, and most readers of JSON do not.
      const { stderr } = await scene.alice.kubectl(
        ['-n', namespace, ...CREATE],
        text.replace('4711', '9007199254740993'),
      );
      expect(stderr).toContain('[TemplateNotComparable]');
    });

    describe('a change', () => {
      beforeAll(async () => {
        await apply(scene.alice, namespace, workload('Deployment', 'changed', {}, { replicas: 0 }));
      });

      it('of the template by a service account is refused; nothing is different afterwards', async () => {
        const before = await scene.store.get('Deployment', namespace, 'changed');
        for (const args of [
          ['set', 'image', 'deployment/changed', 'app=evil:1'],
          ['set', 'env', 'deployment/changed', 'X=y'],
          ['patch', 'deployment', 'changed', '--patch', JSON.stringify(withHook)],
        ]) {
          const message = await refused(robot, namespace, args);
          expect(message).toContain('[TemplateChanged]');
          expect(message).toContain(`system:serviceaccount:${platform}:robot`);
        }
        const after = await scene.store.get('Deployment', namespace, 'changed');
        expect(after.spec).toEqual(before.spec);
        expect(expectStamped(scene, after, ALICE)).toEqual(expectStamped(scene, before, ALICE));
      });

      it('of replicas, labels or conditions by a service account goes through, and changes nobody’s name', async () => {
        await kubectl(robot, namespace, ['scale', 'deployment/changed', '--replicas=1']);
        await kubectl(robot, namespace, ['label', 'deployment', 'changed', 'seen=yes']);
        expectStamped(scene, await scene.store.get('Deployment', namespace, 'changed'), ALICE);
        const [pod] = await scene.store.untilPods(namespace, 'changed', 1);
        if (pod === undefined) throw new Error('there is no pod');
        await expectLineage(scene, pod, ALICE);
      });

      it('by somebody whom no rule knows is one by nobody: only of what does not matter', async () => {
        const mallory = await scene.countersign.person('mallory@evil.example');
        const args = ['set', 'image', 'deployment/changed', 'app=evil:1'];
        expect(await refused(mallory, namespace, args)).toMatch(/^\[(TemplateChanged|NoOperatorRule)\]/);
        await kubectl(mallory, namespace, ['label', 'deployment', 'changed', 'seen-by=mallory']);
        expectStamped(scene, await scene.store.get('Deployment', namespace, 'changed'), ALICE);
      });

      it('that brings somebody else’s name is refused', async () => {
        const args = ['set', 'env', 'deployment/changed', `FAB_OPERATOR=${ALICE}`];
        expect(await refused(scene.bob, namespace, args)).toContain('[OperatorClaimedByOther]');
      });
    });

    describe('a delegator', () => {
      it('submits a Deployment in the name of whom it names on it', async () => {
        await apply(bot, namespace, named('Deployment', 'delegated', { [ON_BEHALF_OF]: ALICE }));
        const [pod] = await scene.store.untilPods(namespace, 'delegated', 1);
        if (pod === undefined) throw new Error('there is no pod');
        await expectLineage(scene, pod, ALICE);
        const deployment = await scene.store.get('Deployment', namespace, 'delegated');
        expect(expectStamped(scene, deployment, ALICE)).toMatchObject({
          how: 'delegated',
          by: BOT,
          rule: 'bot',
          req: { user: BOT },
          role: SESSION.roles[0].arn,
        });
      });

      it('or in the name that stands in its template, as agent runtimes write it', async () => {
        await apply(bot, namespace, workload('Job', 'runtime', claiming('dave@acme.com')));
        const [pod] = await scene.store.untilPods(namespace, 'runtime', 1);
        if (pod === undefined) throw new Error('there is no pod');
        await expectLineage(scene, pod, 'dave@acme.com');
      });

      it('names the next operator when it changes the template', async () => {
        await apply(bot, namespace, named('Deployment', 'next', { [ON_BEHALF_OF]: ALICE }));
        await apply(bot, namespace, named('Deployment', 'next', { [ON_BEHALF_OF]: 'dave@acme.com' }, running('app:2')));
        const deployment = await scene.store.get('Deployment', namespace, 'next');
        expectStamped(scene, deployment, 'dave@acme.com');
      });

      it('is refused for somebody whom it may not name, and for nobody', async () => {
        const other = named('Deployment', 'other', { [ON_BEHALF_OF]: 'bob@acme.com' });
        expect(await refused(bot, namespace, CREATE, other)).toContain('[DelegationNotAllowed]');
        const nobody = workload('Deployment', 'nobody');
        expect(await refused(bot, namespace, CREATE, nobody)).toContain('[DelegatorNamedNobody]');
      });

      it('is not believed where somebody impersonates it', async () => {
        const manifest = named('Deployment', 'impersonated', { [ON_BEHALF_OF]: ALICE });
        const message = await refused(scene.countersign.administrator, namespace, [...CREATE, '--as', BOT], manifest);
        expect(message).toContain('[DelegatorDoubtful]');
      });
    });
  },
);

const withHook = {
  spec: {
    template: {
      spec: { containers: [{ name: 'app', lifecycle: { preStop: { exec: { command: ['sh', '-c', 'evil'] } } } }] },
    },
  },
};
