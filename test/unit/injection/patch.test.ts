import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObject, type JsonObject } from '../../../src/json.ts';
import { pods, podWith } from '../support/pods.ts';
import { ALICE, API_SERVER, attributed, BOB, codeFor, decideOn, operationsFor, patchedBy } from '../support/reviews.ts';

interface Attributed {
  readonly metadata: { readonly annotations: Record<string, string> };
  readonly spec: {
    readonly containers: readonly Row[];
    readonly initContainers: readonly Row[];
    readonly volumes: readonly { readonly name: string }[];
    readonly automountServiceAccountToken: boolean;
  };
}

interface Row {
  readonly name: string;
  readonly image?: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

function result(pod: JsonObject, spec: object = {}): Attributed {
  return attributed(pod, spec) as unknown as Attributed;
}

function variables(row: Row | undefined): Record<string, string | undefined> {
  return Object.fromEntries((row?.env ?? []).map(({ name, value }) => [name, value]));
}

const OURS = /^(FAB_|AWS_|BOTO_CONFIG|KUBECONFIG|countersign|eks\.amazonaws\.com)/;
const REPLACED = new Set(['aws-iam-token', 'eks-pod-identity-token', 'kube-api-access-x7k2p']);

describe('for any pod', () => {
  it('the patch applies, and applying it again changes nothing', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const before = structuredClone(pod);
        const once = patchedBy(pod, operationsFor(pod));
        expect(pod).toEqual(before);
        expect(operationsFor(once)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('whatever is not Countersign’s survives, in its order', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        expect(foreign(attributed(pod))).toEqual(foreign(pod));
      }),
      { numRuns: 500 },
    );
  });

  it('every container carries the plan once, no token volume is left, and no token is mounted by Kubernetes', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const { spec, metadata } = result(pod);
        const declared = named((pod['spec'] as JsonObject)['volumes']).map(({ name }) => name);
        const gone = new Set(declared.filter((name) => REPLACED.has(name)));
        const [session, ...others] = [...spec.initContainers, ...spec.containers];
        expect(session?.name).toBe('countersign');
        for (const row of others) {
          const names = row.env.map(({ name }) => name).filter((name) => OURS.test(name) && name !== 'AWS_REGION');
          expect(new Set(names).size).toBe(names.length);
          expect(variables(row)).toMatchObject({
            FAB_OPERATOR: 'alice',
            KUBECONFIG: '/var/run/countersign/kubeconfig',
          });
          expect(names).not.toContain('AWS_PROFILE');
          expect(names).not.toContain('AWS_BEARER_TOKEN_BEDROCK');
          expect(row.volumeMounts.filter(({ name }) => gone.has(name))).toEqual([]);
          expect(metadata.annotations['eks.amazonaws.com/skip-containers']?.split(',')).toContain(row.name);
        }
        expect(spec.volumes.filter(({ name }) => REPLACED.has(name))).toEqual([]);
        expect(spec.automountServiceAccountToken).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('a copy of an attributed pod brings nothing along: the same for its operator, refused for another', () => {
    fc.assert(
      fc.property(pods, (pod) => {
        const first = attributed(pod);
        expect(codeFor(first, {}, BOB)).toBe('OperatorClaimedByOther');
        // With another plan, such as after a change of the policy, all of the old one is replaced.
        const other = {
          session: {
            identity: 'pod-identity',
            region: 'us-east-1',
            roles: [{ arn: 'arn:aws:iam::111122223333:role/agent' }],
          },
        };
        expect(attributed(first, other, ALICE)).toEqual(attributed(pod, other, ALICE));
      }),
      { numRuns: 300 },
    );
  });
});

it('beside a session container that came with the pod, other init containers are attributed all the same', () => {
  const copied = { name: 'countersign', image: 'old', command: ['/usr/local/bin/countersign', 'session', 'run'] };
  const setup = { name: 'setup', image: 'setup', env: [{ name: 'AWS_PROFILE', value: 'shared' }] };
  const [session, other] = result(podWith({ initContainers: [copied, setup] })).spec.initContainers;
  expect(session?.image).not.toBe('old');
  expect(variables(other)).toHaveProperty('FAB_OPERATOR', 'alice');
  expect(variables(other)).not.toHaveProperty('AWS_PROFILE');
});

/** A pod without anything that bears a name of ours or of what is replaced. */
function foreign(pod: JsonObject): unknown {
  const copy = structuredClone(pod) as unknown as {
    metadata?: Row & { annotations?: Record<string, string> };
    spec: Record<string, unknown>;
  };
  const { spec } = copy;
  const containers = (rows: unknown): unknown =>
    (Array.isArray(rows) ? rows.filter(isObject) : [])
      .filter((row) => row['name'] !== 'countersign')
      .map((row) => ({
        ...row,
        env: named(row['env']).filter(({ name }) => !OURS.test(name) || name === 'AWS_REGION'),
        volumeMounts: named(row['volumeMounts']).filter(({ name }) => !OURS.test(name) && !REPLACED.has(name)),
      }));
  return {
    ...copy,
    metadata: {
      ...copy.metadata,
      annotations: Object.fromEntries(
        Object.entries(copy.metadata?.annotations ?? {}).filter(([key]) => !OURS.test(key)),
      ),
    },
    spec: {
      ...spec,
      containers: containers(spec['containers']),
      initContainers: containers(spec['initContainers']),
      volumes: named(spec['volumes']).filter(({ name }) => !OURS.test(name) && !REPLACED.has(name)),
      automountServiceAccountToken: false,
    },
  };
}

function named(rows: unknown): { name: string }[] {
  return Array.isArray(rows) ? (rows as { name: string }[]) : [];
}

describe('what a session container is given', () => {
  it('comes from the policy alone', () => {
    const roles = [{ arn: 'arn:aws:iam::111122223333:role/agent' }];
    const session = {
      identity: 'irsa',
      baseRole: 'arn:aws:iam::111122223333:role/base',
      region: 'us-east-1',
      roles,
      durationSeconds: 900,
    };
    const [container] = result(podWith(), { session }).spec.initContainers;
    expect(variables(container)).toEqual({
      FAB_OPERATOR: 'alice',
      FAB_SESSION_ROLE_ARN: 'arn:aws:iam::111122223333:role/agent',
      FAB_SESSION_DURATION: '900',
      FAB_SESSION_ID: undefined,
      COUNTERSIGN_IDENTITY: 'irsa',
      COUNTERSIGN_BASE_ROLE_ARN: 'arn:aws:iam::111122223333:role/base',
      NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=32 --disable-sigusr1',
      MALLOC_ARENA_MAX: '1',
      COUNTERSIGN_REGION: 'us-east-1',
      COUNTERSIGN_STS_ENDPOINT: 'https://sts.us-east-1.amazonaws.com',
      COUNTERSIGN_SESSION_TAGS: 'true',
      COUNTERSIGN_INSTANCE_METADATA: 'refuse',
      COUNTERSIGN_KUBERNETES_IDENTITY: 'none',
    });
  });

  it.each([
    ['the partition’s endpoint', { region: 'cn-north-1' }, 'STS_ENDPOINT', 'https://sts.cn-north-1.amazonaws.com.cn'],
    [
      'an endpoint of the admin’s',
      { stsEndpoint: 'https://sts.acme.internal' },
      'STS_ENDPOINT',
      'https://sts.acme.internal',
    ],
    ['no tags', { tags: false }, 'SESSION_TAGS', 'false'],
    ['open metadata', { instanceMetadata: 'accept' }, 'INSTANCE_METADATA', 'accept'],
  ])('%s, where the policy says so', (_, more, setting, value) => {
    const [container] = result(podWith(), { session: { ...SESSION, ...more } }).spec.initContainers;
    expect(variables(container)[`COUNTERSIGN_${setting}`]).toBe(value);
  });

  it('is the address of the node’s agent with pod-identity, and no base role', () => {
    const session = { ...SESSION, identity: 'pod-identity', baseRole: undefined };
    const own = variables(result(podWith(), { session }).spec.initContainers[0]);
    expect(own['COUNTERSIGN_POD_IDENTITY_ENDPOINT']).toBe('http://169.254.170.23/v1/credentials');
    expect(own).not.toHaveProperty('COUNTERSIGN_BASE_ROLE_ARN');
  });

  it('with delivery files is a plain init container, and the application has no endpoint', () => {
    const session = {
      identity: 'pod-identity',
      region: 'us-east-1',
      roles: [{ arn: 'arn:aws:iam::111122223333:role/agent' }],
      delivery: 'files',
    };
    const { initContainers, containers } = result(podWith(), { session }).spec;
    expect(initContainers[0]).not.toHaveProperty('restartPolicy');
    expect(initContainers[0]).not.toHaveProperty('lifecycle');
    expect(variables(containers[0])).not.toHaveProperty('AWS_CONTAINER_CREDENTIALS_FULL_URI');
    expect(variables(containers[0])['AWS_SHARED_CREDENTIALS_FILE']).toBe('/var/run/countersign/aws-credentials');
  });

  it('fits Pod Security restricted and has requests and limits, which the policy may change', () => {
    const session = {
      identity: 'pod-identity',
      region: 'us-east-1',
      roles: [{ arn: 'arn:aws:iam::111122223333:role/agent' }],
      resources: { limits: { 'ephemeral-storage': '16Mi' } },
    };
    const [container] = result(podWith(), { session }).spec.initContainers;
    expect(container).toMatchObject({
      resources: {
        requests: { cpu: '10m', memory: '40Mi' },
        limits: { cpu: '500m', memory: '128Mi', 'ephemeral-storage': '16Mi' },
      },
      securityContext: {
        allowPrivilegeEscalation: false,
        runAsNonRoot: true,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    });
  });
});

describe('the operations are few', () => {
  it('for a pod with a long environment of its own nothing of it is sent back', () => {
    const env = Array.from({ length: 200 }, (_, index) => ({ name: `OWN_${index}`, value: 'x'.repeat(100) }));
    const patch = JSON.stringify(operationsFor(podWith({ containers: [{ name: 'app', env }] })));
    expect(patch).not.toContain('OWN_');
    expect(patch.length).toBeLessThan(6_000);
  });

  it('for a list of thousands of replaced items there is one, as the API server copies the list for each', () => {
    const env = Array.from({ length: 5_000 }, (_, index) => ({
      name: index % 2 === 0 ? 'KUBECONFIG' : `OWN_${index}`,
      value: '',
    }));
    const volumeMounts = Array.from({ length: 5_000 }, (_, index) => ({
      name: 'countersign',
      mountPath: '/var/run/countersign',
      readOnly: true,
      index,
    }));
    expect(operationsFor(podWith({ containers: [{ name: 'app', env }] })).length).toBeLessThan(12);
    expect(codeFor(podWith({ containers: [{ name: 'app', volumeMounts }] }))).toBe('ReservedMount');
  });

  it('an author is told which variables were replaced, once, and not what an injector had set', () => {
    const env = ['KUBECONFIG', 'AWS_PROFILE', 'AWS_ROLE_ARN', 'OWN'].map((name) => ({ name, value: 'x' }));
    const pod = podWith({ containers: [{ name: 'app', env }] });
    const warnings = (of: JsonObject): unknown => (decideOn(of) as { warnings?: unknown }).warnings;
    expect(warnings(pod)).toEqual([expect.stringContaining('"app": KUBECONFIG, AWS_PROFILE replaced')]);
    expect(warnings(attributed(pod))).toEqual([]);
    expect(warnings(podWith())).toEqual([]);
  });

  it('stamps that a pod brings along go, and its other annotations stay', () => {
    const annotations = { 'countersign.dev/stamp': 'x', 'countersign.dev/custody': 'y', 'example.com/a~b': 'z' };
    expect(attributed(podWith({}, { annotations }))['metadata']).toMatchObject({
      annotations: { 'example.com/a~b': 'z', 'eks.amazonaws.com/skip-containers': 'countersign,app' },
    });
    expect(JSON.stringify(attributed(podWith({}, { annotations })))).not.toContain('countersign.dev/');
  });

  it('a null list counts as none, as it does for the API server', () => {
    const pod = podWith(
      { containers: [{ name: 'app', env: null, volumeMounts: null }], volumes: null, initContainers: null },
      { annotations: null },
    );
    expect(operationsFor(patchedBy(pod, operationsFor(pod)))).toEqual([]);
  });
});

const SESSION = {
  identity: 'irsa',
  baseRole: 'arn:aws:iam::111122223333:role/base',
  region: 'us-east-1',
  roles: [{ arn: 'arn:aws:iam::111122223333:role/agent' }],
};

describe('with access to the Kubernetes API', () => {
  const spec = { session: { ...SESSION, kubernetes: { identity: 'pod' } } };
  const PLACE = '/var/run/secrets/kubernetes.io/serviceaccount';
  const HERE = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '9912' };

  it('the application finds the session’s proxy wherever it looks, and the session container the API server', () => {
    const { initContainers, containers, volumes } = result(podWith(), spec).spec;
    expect(variables(containers[0])).toMatchObject({ ...HERE, KUBERNETES_SERVICE_PORT_HTTPS: '9912' });
    const mount = { name: 'countersign', mountPath: PLACE, subPath: 'serviceaccount', readOnly: true };
    expect(containers[0]?.volumeMounts).toContainEqual(mount);
    expect(variables(initContainers[0])).toMatchObject({
      COUNTERSIGN_KUBERNETES_IDENTITY: 'pod',
      COUNTERSIGN_KUBERNETES_SERVER: API_SERVER.server,
      COUNTERSIGN_KUBERNETES_CA: API_SERVER.ca,
    });
    expect(initContainers[0]?.volumeMounts).not.toContainEqual(expect.objectContaining({ mountPath: PLACE }));
    const tokens = volumes.find(({ name }) => name === 'countersign-tokens');
    const api = { serviceAccountToken: { path: 'kubernetes-token', expirationSeconds: 3600 } };
    expect(tokens).toMatchObject({ projected: { sources: [{}, api] } });
  });

  it('nobody’s own address of the API server stays', () => {
    const env = [{ name: 'KUBERNETES_SERVICE_HOST', value: '10.0.0.1' }];
    const { containers } = result(podWith({ containers: [{ name: 'app', image: 'i', env }] }), spec).spec;
    expect(containers[0]?.env.filter(({ name }) => name === 'KUBERNETES_SERVICE_HOST')).toEqual([
      { name: 'KUBERNETES_SERVICE_HOST', value: '127.0.0.1' },
    ]);
  });

  it('a pod that is copied elsewhere, where there is none, brings nothing of it along', () => {
    const app = result(podWith(), spec).spec.containers[0] as object;
    const copy = result(podWith({ containers: [app] })).spec.containers[0];
    expect(variables(copy)).not.toHaveProperty('KUBERNETES_SERVICE_HOST');
    expect(copy?.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(['/var/run/countersign']);
    const env = [{ name: 'KUBERNETES_SERVICE_HOST', value: '10.0.0.1' }];
    const other = result(podWith({ containers: [{ name: 'app', image: 'i', env }] })).spec.containers[0];
    expect(variables(other)['KUBERNETES_SERVICE_HOST']).toBe('10.0.0.1');
  });

  it('is refused where Countersign does not know the API server', () => {
    const circumstances = { sessionImage: 'i', apiServer: undefined };
    expect(codeFor(podWith(), spec, ALICE, circumstances)).toBe('ApiServerUnknown');
  });
});
