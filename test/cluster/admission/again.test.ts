import type { V1Pod } from '@kubernetes/client-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { expectAttributed } from './support/attributed.ts';
import { SESSION, STAFF } from './support/countersign.ts';
import type { Person } from './support/person.ts';
import { APP, copyOf, EKS, eksMount, eksVolume, podWith } from './support/pods.ts';
import { review } from './support/review.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

const INJECTED = { ...APP, env: EKS.irsa.env, volumeMounts: [eksMount('irsa')] };

const SHAPES: Readonly<Record<string, object>> = {
  'one container': {},
  'several containers and init containers': {
    initContainers: [
      { ...APP, name: 'first' },
      { ...APP, name: 'sidecar', restartPolicy: 'Always' },
    ],
    containers: [APP, { ...APP, name: 'second', env: [{ name: 'X', value: 'y' }] }],
  },
  'injected AWS credentials': { containers: [INJECTED], volumes: [eksVolume('irsa')] },
  'automountServiceAccountToken true': { automountServiceAccountToken: true },
  'volumes and variables': {
    containers: [
      {
        ...APP,
        env: [
          { name: 'KUBECONFIG', value: '/mine' },
          { name: 'Y', value: '1' },
        ],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'data', emptyDir: {} }],
  },
};

const SESSIONS: Readonly<Record<string, object>> = {
  'a sidecar': SESSION,
  'another lifetime': { ...SESSION, durationSeconds: 900 },
  'keys in files': { ...SESSION, delivery: 'files' },
  'access to the Kubernetes API': { ...SESSION, kubernetes: { identity: 'pod' } },
  'Pod Identity': { identity: 'pod-identity', region: 'eu-central-1', roles: SESSION.roles },
};

describe.skipIf(cluster.unavailable)('a pod that comes a second time', () => {
  const countersign = useCountersign(cluster);
  let alice: Person;
  let bob: Person;
  const namespaces = new Map<string, string>();

  beforeAll(async () => {
    alice = await countersign.person('alice@acme.com');
    bob = await countersign.person('bob@acme.com');
    for (const [name, session] of Object.entries(SESSIONS)) {
      // What Pod Identity needs of Pod Security is shown elsewhere; here pods are as bare as can be.
      const policy = await countersign.newPolicy({ operators: [STAFF], session, podSecurity: 'cluster' });
      namespaces.set(name, await countersign.governedNamespace(policy));
    }
  });

  const namespaceOf = (name: string): string => namespaces.get(name) ?? '';

  describe.each(Object.keys(SESSIONS))('with %s and', (name) => {
    it.each(Object.entries(SHAPES))('%s: from its operator is the same pod', async (_, spec) => {
      const namespace = namespaceOf(name);
      const first = await alice.api.createPod(namespace, podWith(spec));
      const second = await alice.api.createPod(namespace, copyOf(first), { dryRun: true });
      expect(second.spec).toEqual(first.spec);
      expect(unstamped(second)).toEqual(unstamped(first));

      // And the webhook had nothing to say to it, neither to the copy nor to the pod exactly as it is stored, but that
      // it is another pod: each has a stamp of its own.
      const userInfo = { username: 'alice@acme.com', groups: ['system:authenticated'] };
      for (const object of [copyOf(first), first]) {
        const answer = await review(countersign.process, cluster.ca, namespace, object, userInfo);
        expect(answer.allowed).toBe(true);
        const patch = JSON.parse(Buffer.from(answer.patch ?? '', 'base64').toString()) as { path: string }[];
        expect(patch.map(({ path }) => path)).toEqual(['/metadata/annotations/countersign.dev~1stamp']);
      }
    });
  });

  it('is refused from anybody else, because it names the first one', async () => {
    const namespace = namespaceOf('a sidecar');
    const first = await alice.created(namespace, podWith());
    const got = await bob.kubectl(['get', 'pod', first.metadata?.name ?? '', '-n', namespace, '-o', 'json']);
    const message = await bob.refused(namespace, copyOf(JSON.parse(got.stdout) as V1Pod));
    expect(message).toBe(
      '[OperatorClaimedByOther] variable FAB_OPERATOR of container "app" names operator "alice@acme.com", and you are "bob@acme.com". Next: Leave the name out, it is set for you; only a delegator of the policy may name somebody else.',
    );
  });

  it('brings nothing along from a namespace with another policy', async () => {
    const first = await alice.created(
      namespaceOf('another lifetime'),
      podWith(SHAPES['several containers and init containers']),
    );
    const moved = await alice.api.createPod(namespaceOf('keys in files'), copyOf(first));
    expectAttributed(moved, 'alice@acme.com', { delivery: 'files' });
    const back = await alice.api.createPod(namespaceOf('a sidecar'), copyOf(moved));
    expectAttributed(back, 'alice@acme.com');
    const reaching = await alice.api.createPod(namespaceOf('access to the Kubernetes API'), copyOf(back));
    expectAttributed(reaching, 'alice@acme.com', { kubernetes: true });
    expectAttributed(await alice.api.createPod(namespaceOf('a sidecar'), copyOf(reaching)), 'alice@acme.com');
  });

  it('brings no role along that the policy no longer gives', async () => {
    const roles = [{ arn: 'arn:aws:iam::111122223333:role/retired' }];
    const policy = await countersign.newPolicy({ operators: [STAFF], session: { ...SESSION, roles } });
    const namespace = await countersign.governedNamespace(policy);
    const first = await alice.created(namespace, podWith());
    expect(await alice.refused(namespaceOf('a sidecar'), copyOf(first))).toContain('[RoleNotAllowed]');
  });

  it('may have lost what was injected by an edit: it is planned anew', async () => {
    const namespace = namespaceOf('a sidecar');
    const first = await alice.api.createPod(namespace, podWith());
    const spec = structuredClone(first.spec);
    if (spec === undefined) throw new Error('a pod without a spec');
    const [session] = spec.initContainers ?? [];
    if (session === undefined) throw new Error('no session container');
    session.image = 'forged';
    session.env = [];
    session.volumeMounts = [];
    spec.volumes = [];
    for (const container of spec.containers) container.volumeMounts = [];
    expectAttributed(await alice.api.createPod(namespace, podWith(spec)), 'alice@acme.com');
  });

  it('with kubectl debug as a copy is a session of its own', async () => {
    const namespace = namespaceOf('a sidecar');
    const first = await alice.created(namespace, podWith());
    const name = first.metadata?.name ?? '';
    const debug = (person: Person, ...flags: readonly string[]) =>
      person.kubectl([
        'debug',
        name,
        '-n',
        namespace,
        '--image=tools',
        '--attach=false',
        '--profile=baseline',
        ...flags,
      ]);
    // By default the copy would share its processes, and with them the session container's files.
    expect((await debug(alice, '--copy-to=shared')).stderr).toContain('[SharedProcessNamespace]');
    const own = await debug(alice, '--copy-to=own', '--share-processes=false');
    expect(own).toMatchObject({ status: 0, stderr: '' });
    const { stdout } = await alice.kubectl(['get', 'pod', 'own', '-n', namespace, '-o', 'json']);
    expectAttributed(JSON.parse(stdout) as V1Pod, 'alice@acme.com');
    expect((await debug(bob, '--copy-to=stolen', '--share-processes=false')).stderr).toContain(
      '[OperatorClaimedByOther]',
    );
  });

  it('by kubectl apply of the same manifest changes nothing', async () => {
    const namespace = namespaceOf('a sidecar');
    const manifest = JSON.stringify(podWith({}, { generateName: undefined, name: 'same' }));
    const apply = () => alice.kubectl(['apply', '-n', namespace, '-f', '-'], manifest);
    expect(await apply()).toEqual({ status: 0, stdout: 'pod/same created\n', stderr: '' });
    const get = ['get', 'pod', 'same', '-n', namespace, '-o=jsonpath={.metadata.resourceVersion}'];
    const { stdout: version } = await alice.kubectl(get);
    expect(await apply()).toEqual({ status: 0, stdout: 'pod/same unchanged\n', stderr: '' });
    expect((await alice.kubectl(get)).stdout).toBe(version);
  });

  it('by kubectl apply of a manifest that sets what Countersign replaces is refused, and the pod stays', async () => {
    const namespace = namespaceOf('a sidecar');
    // Pods cannot be changed, and what the manifest says is not what the pod has.
    const env = [{ name: 'KUBECONFIG', value: '/mine' }];
    const manifest = JSON.stringify(
      podWith({ containers: [{ ...APP, env }] }, { generateName: undefined, name: 'set' }),
    );
    const apply = () => alice.kubectl(['apply', '-n', namespace, '-f', '-'], manifest);
    expect((await apply()).status).toBe(0);
    expect((await apply()).stderr).toContain('spec: Forbidden: pod updates may not change fields other than');
    const { stdout } = await alice.kubectl(['get', 'pod', 'set', '-n', namespace, '-o', 'json']);
    expectAttributed(JSON.parse(stdout) as V1Pod, 'alice@acme.com');
  });

  it('by server-side apply of the same manifest changes nothing', async () => {
    const namespace = namespaceOf('a sidecar');
    const manifest = JSON.stringify(podWith({}, { generateName: undefined, name: 'same-server-side' }));
    const apply = () => alice.kubectl(['apply', '--server-side', '-n', namespace, '-f', '-'], manifest);
    await apply();
    const get = ['get', 'pod', 'same-server-side', '-n', namespace, '-o=jsonpath={.metadata.resourceVersion}'];
    const { stdout: version } = await alice.kubectl(get);
    expect(await apply()).toMatchObject({ status: 0, stderr: '' });
    expect((await alice.kubectl(get)).stdout).toBe(version);
  });
});

/** The annotations without the stamp. */
function unstamped({ metadata }: V1Pod): Record<string, string> {
  const { 'countersign.dev/stamp': stamp, ...others } = metadata?.annotations ?? {};
  expect(stamp).toBeDefined();
  return others;
}
