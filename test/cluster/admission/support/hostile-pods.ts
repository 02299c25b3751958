import fc from 'fast-check';

/**
 * Pods as somebody makes them up who wants to be nobody or somebody else, or wants another credential. Most of what is
 * in one is what Countersign replaces without a word, beside what is harmless; here and there is what it refuses.
 */

/** One of the first most of the time: a pod has so many parts that few would pass otherwise. */
function mostly<Good, Bad>(good: fc.Arbitrary<Good>, bad: fc.Arbitrary<Bad>): fc.Arbitrary<Good | Bad> {
  return fc.oneof({ weight: 24, arbitrary: good }, { weight: 1, arbitrary: bad });
}

const REPLACED_VARIABLES = [
  'FAB_SESSION_ID',
  'FAB_SESSION_DURATION',
  'KUBECONFIG',
  'AWS_PROFILE',
  'AWS_ROLE_ARN',
  'AWS_ACCESS_KEY_ID',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_BEARER_TOKEN_BEDROCK',
  'COUNTERSIGN_REGION',
  'HARMLESS',
];

const VALUES = ['x', '', '$(HARMLESS)', '/var/run/secrets/eks.amazonaws.com/serviceaccount/token'];
const SOURCES = [
  { fieldRef: { fieldPath: 'metadata.name' } },
  { secretKeyRef: { name: 'keys', key: 'key', optional: true } },
];
const FILES = ['countersign', 'countersign-private', 'data'].map((volumeName) => ({
  fileKeyRef: { volumeName, path: 'x', key: 'KEY', optional: true },
}));

const replaced = fc
  .tuple(fc.constantFrom(...REPLACED_VARIABLES), fc.constantFrom(...VALUES, ...SOURCES))
  .map(([name, given]) => (typeof given === 'string' ? { name, value: given } : { name, valueFrom: given }));

const claims = fc.constantFrom(
  { name: 'FAB_OPERATOR', value: 'alice@acme.com' },
  { name: 'FAB_OPERATOR', value: '$(HARMLESS)' },
  { name: 'FAB_OPERATOR', valueFrom: SOURCES[0] },
  { name: 'FAB_SESSION_ROLE_ARN', value: 'arn:aws:iam::111122223333:role/other' },
  ...FILES.map((valueFrom) => ({ name: 'STOLEN', valueFrom })),
);

const own = fc.constant({ name: 'FAB_OPERATOR', value: 'bob@acme.com' });

const env = fc
  .tuple(fc.array(mostly(replaced, claims), { maxLength: 4 }), fc.option(own, { nil: undefined }))
  .map(([some, name]) => (name === undefined ? some : [...some, name]));

const token = (more: object) => ({ serviceAccountToken: { path: 'token', ...more } });
const certificates = { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } };
const projected = (name: string, ...sources: object[]) => ({ name, projected: { sources } });

const REPLACED_VOLUMES = [
  projected('kube-api-access-abcde', token({ expirationSeconds: 3607 }), certificates),
  projected('aws-iam-token', token({ audience: 'sts.amazonaws.com' })),
  projected('eks-pod-identity-token', token({ audience: 'pods.eks.amazonaws.com' })),
  projected('countersign-tokens', token({})),
  { name: 'countersign', emptyDir: {} },
  { name: 'countersign-private', emptyDir: { medium: 'Memory' } },
  { name: 'data', emptyDir: {} },
  projected('more', certificates, { secret: { name: 'x', optional: true } }),
];

const FORBIDDEN_VOLUMES = [
  projected('kube-api-access-abcde', token({}), token({ path: 'again' })),
  projected('aws-iam-token', token({ audience: 'sts.amazonaws.com' }), certificates),
  projected('data', token({})),
  projected('data', certificates, token({ audience: 'vault' })),
  { name: 'countersign', secret: { secretName: 'x' } },
  { name: 'data', csi: { driver: 'x' } },
];

const volumes = fc.uniqueArray(mostly(fc.constantFrom(...REPLACED_VOLUMES), fc.constantFrom(...FORBIDDEN_VOLUMES)), {
  selector: ({ name }) => name,
  maxLength: 5,
});

const ALLOWED_PATHS = [
  '/data',
  '/var/run',
  '/var/run/secrets/kubernetes.io/serviceaccount',
  '/var/run/secrets/kubernetes.io/serviceaccount/',
  '/run/secrets/kubernetes.io',
  '/var/run/secrets/eks.amazonaws.com/serviceaccount',
];
const RESERVED_PATHS = ['/var/run/countersign/', '/run//countersign-private', '/var/./run/countersign/kubeconfig'];

const OURS = { name: 'countersign', mountPath: '/var/run/countersign', readOnly: true };

/** Mounts of the volumes that are there, of ours as we mount it, and at times of ours in another way. */
function mounts(declared: readonly string[]) {
  const names = declared.filter((name) => !name.startsWith('countersign'));
  const allowed = names.map((name) => fc.constantFrom(...ALLOWED_PATHS).map((mountPath) => ({ name, mountPath })));
  const ours = declared.includes('countersign') ? [fc.constant(OURS)] : [];
  const good = [...allowed, ...ours];
  const bad = fc.record({
    name: fc.constantFrom('countersign', 'countersign-private', ...declared),
    mountPath: fc.constantFrom(...ALLOWED_PATHS, ...RESERVED_PATHS),
  });
  const list = good.length === 0 ? fc.constant([]) : fc.array(mostly(fc.oneof(...good), bad), { maxLength: 3 });
  return list.map((some) =>
    some.filter(({ mountPath }, at) => some.findIndex((each) => each.mountPath === mountPath) === at),
  );
}

function container(name: string, declared: readonly string[]) {
  const prefix = mostly(fc.constantFrom('', 'MY_', 'FAB_'), fc.constantFrom('AWS_', 'AWS_PRO'));
  const port = mostly(fc.constant(8080), fc.constantFrom(9911, 9912));
  const session = name === 'countersign';
  return fc
    .record(
      {
        env,
        volumeMounts: mounts(declared),
        envFrom: prefix.map((each) => [{ prefix: each, configMapRef: { name: 'x', optional: true } }]),
        ports: port.map((containerPort) => [{ containerPort }]),
      },
      { requiredKeys: [] },
    )
    .map((rest) => ({
      name,
      image: 'x',
      ...(session && { command: ['/usr/local/bin/countersign', 'session', 'run'], restartPolicy: 'Always' }),
      ...rest,
    }));
}

function containers(candidates: readonly string[], declared: readonly string[], minLength: number) {
  return fc
    .shuffledSubarray([...candidates], { minLength })
    .chain((chosen) => fc.tuple(...chosen.map((name) => container(name, declared))));
}

const metadata = fc.record(
  {
    annotations: fc.record(
      {
        'countersign.dev/on-behalf-of': mostly(fc.constant('bob@acme.com'), fc.constant('alice@acme.com')),
        'countersign.dev/stamp': fc.constant('forged'),
        'eks.amazonaws.com/skip-containers': fc.constantFrom('', 'app', ' x , countersign'),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

export const hostilePods = volumes.chain((some) => {
  const declared = some.map(({ name }) => name);
  return fc
    .record({
      metadata,
      volumes: fc.constant(some),
      initContainers: containers(['countersign', 'first', 'sidecar'], declared, 0),
      containers: mostly(containers(['app', 'second'], declared, 1), containers(['app', 'countersign'], declared, 2)),
      automountServiceAccountToken: fc.constantFrom(true, false, undefined),
      shareProcessNamespace: mostly(fc.constantFrom(false, undefined), fc.constant(true)),
    })
    .map(({ metadata: more, ...spec }) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { generateName: 'hostile-', ...more },
      spec,
    }));
});
