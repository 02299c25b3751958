import { beforeAll, describe, expect, it } from 'vitest';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { ALICE } from '../attribution/support/scene.ts';
import { pathOf, type Stored } from '../attribution/support/store.ts';
import { connect } from '../fixture.ts';
import { MALLORY, useArena } from './support/arena.ts';
import { codeOf, kubectlCode, tokensOn } from './support/attempts.ts';

const cluster = connect();

const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };

describe.skipIf(cluster.unavailable)('to enter a session', () => {
  const arena = useArena(cluster);
  let namespace: string;

  beforeAll(async () => {
    namespace = await arena.governed();
    const pod = (name: string) => ({ metadata: { name }, spec: { containers: [APP] } });
    await arena.scene.alice.api.createPod(namespace, pod('theirs'));
    await arena.mallory.api.createPod(namespace, pod('own'));
  });

  const ask = (by: Person, method: string, pod: string, way: string) =>
    by.api.call<{ message?: string }>(method, `${pathOf('Pod', namespace, pod)}/${way}`);
  const change = (by: Person, pod: string, sub: string, spec: object) =>
    by.api.call<Stored & { message?: string }>('PATCH', `${pathOf('Pod', namespace, pod)}${sub}`, {
      body: { spec },
      headers: STRATEGIC,
    });

  describe.each(['POST', 'GET'])('of somebody else, by %s', (method) => {
    it.each([
      'exec?command=sh&container=app&stdin=true',
      'exec?command=sh',
      'exec?command=sh&container=app&container=countersign',
      'attach?container=app',
      'attach',
      'portforward?ports=9911',
    ])('%s', async (way) => {
      for (const by of [arena.eve, arena.mallory])
        expect(codeOf(await ask(by, method, 'theirs', way))).toBe('NotYourSession');
    });

    it.each(['exec?command=sh&container=countersign', 'attach?container=countersign'])(
      '%s, and of oneself',
      async (way) => {
        for (const pod of ['theirs', 'own']) {
          expect(codeOf(await ask(arena.mallory, method, pod, way))).toBe('SessionContainerClosed');
        }
      },
    );
  });

  it('by kubectl, which says why', async () => {
    expect(await kubectlCode(arena.eve, namespace, ['exec', 'theirs', '--', 'id'])).toBe('NotYourSession');
    const args = ['debug', 'theirs', '--image=evil:1', '--target=app', '--profile=baseline', '--', 'sh'];
    expect(await kubectlCode(arena.mallory, namespace, args)).toBe('NotYourSession');
  });

  it('as a session, also as one’s own operator’s', async () => {
    const headers = {
      'impersonate-user': ALICE,
      'impersonate-group': ['system:authenticated', 'countersign.dev:session:1'],
    };
    const path = `${pathOf('Pod', namespace, 'theirs')}/exec?command=sh&container=app`;
    const { admin } = arena.scene.countersign;
    expect(codeOf(await admin.call<{ message?: string }>('POST', path, { headers }))).toBe('SessionRequester');
  });

  const debug = (more: object) => ({ ephemeralContainers: [{ name: 'debug', image: 'evil:1', ...more }] });
  const file = { fileKeyRef: { volumeName: 'countersign-private', path: 'key', key: 'KEY' } };

  it.each<[string, object, string]>([
    ['a container added to theirs', {}, 'NotYourSession'],
    ['one in the processes of the session container', { targetContainerName: 'countersign' }, 'SessionContainerClosed'],
    [
      'one that mounts its tokens',
      { volumeMounts: [{ name: 'countersign-tokens', mountPath: '/t' }] },
      'ReservedMount',
    ],
    [
      'one that mounts its files',
      { volumeMounts: [{ name: 'countersign-private', mountPath: '/t' }] },
      'ReservedMount',
    ],
    ['one that reads its files as variables', { env: [{ name: 'KEY', valueFrom: file }] }, 'ReservedMount'],
  ])('by %s', async (_, more, code) => {
    const pods = code === 'NotYourSession' ? ['theirs'] : ['theirs', 'own'];
    for (const pod of pods) {
      expect(codeOf(await change(arena.mallory, pod, '/ephemeralcontainers', debug(more)))).toBe(code);
    }
  });

  it('by starving the session container, also one’s own', async () => {
    const initContainers = [{ name: 'countersign', resources: { limits: { memory: '1Mi' } } }];
    for (const pod of ['theirs', 'own']) {
      const code = codeOf(await change(arena.mallory, pod, '/resize', { initContainers }));
      expect(code).toMatch(/^(SessionContainerClosed|422 .*)/);
    }
  });

  it('by another image in a running container, or in the session container', async () => {
    for (const by of [arena.eve, arena.mallory]) {
      expect(codeOf(await change(by, 'theirs', '', { containers: [{ name: 'app', image: 'evil:1' }] }))).toBe(
        'ImageChanged',
      );
      const initContainers = [{ name: 'countersign', image: 'evil:1' }];
      expect(codeOf(await change(by, 'theirs', '', { initContainers }))).toBe('ImageChanged');
    }
  });

  it('by writing the pod’s status, which changes neither keys nor owners nor what runs', async () => {
    const before = await arena.scene.store.get('Pod', namespace, 'theirs');
    const path = `${pathOf('Pod', namespace, 'theirs')}/status`;
    const spec = { containers: [{ name: 'app', image: 'evil:1' }] };
    await arena.mallory.api.call('PATCH', path, { body: { spec, status: { phase: 'Running' } }, headers: STRATEGIC });
    const after = await arena.scene.store.get('Pod', namespace, 'theirs');
    expect(after.spec).toEqual(before.spec);
    expect(tokensOn(after)).toEqual(tokensOn(before));
  });

  it('by the objects that will give sessions their rights', async () => {
    const name = 'fab-4b8ad2ea-0000-4000-8000-000000000000';
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const role = { metadata: { name }, rules: [] };
    const binding = {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'owner' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: MALLORY }],
    };
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const { mallory } = arena;
    expect(codeOf(await mallory.api.call('POST', accounts, { body: { metadata: { name } } }))).toBe(
      'SessionObjectWritten',
    );
    const generated = { metadata: { generateName: 'fab-' } };
    expect(codeOf(await mallory.api.call('POST', accounts, { body: generated }))).toBe('SessionObjectWritten');
    expect(codeOf(await mallory.api.call('POST', `${rbac}/roles`, { body: role }))).toBe('SessionObjectWritten');
    expect(codeOf(await mallory.api.call('POST', `${rbac}/rolebindings`, { body: binding }))).toBe(
      'SessionObjectWritten',
    );
  });

  it('by a pod under a session’s service account, whichever of the two fields names it', async () => {
    const { cluster: control } = arena.scene.countersign;
    const countersign = ['--as=system:serviceaccount:countersign-system:controller', '--as-group=system:masters'];
    const made = await control.kubectl(['-n', namespace, 'create', 'serviceaccount', 'fab-1', ...countersign]);
    expect(made.stderr).toBe('');
    for (const field of ['serviceAccountName', 'serviceAccount']) {
      const { status, body } = await arena.eve.api.postPod(namespace, {
        metadata: { name: 'borrowed' },
        spec: { [field]: 'fab-1', containers: [APP] },
      });
      expect(codeOf({ status, body: { message: body.message ?? '' }, warnings: [] })).toBe('SessionAccountNamed');
    }
  });
});
