import { describe, expect, it } from 'vitest';
import { cleanPath } from '../../../src/injection/ours.ts';
import { podWith } from '../support/pods.ts';
import { codeFor } from '../support/reviews.ts';

function volume(source: object, name = 'v'): object {
  return { volumes: [{ name, ...source }] };
}

function app(parts: object): object {
  return { containers: [{ name: 'app', image: 'i', ...parts }] };
}

const apiToken = { serviceAccountToken: { path: 'token' } };
const vaultToken = { serviceAccountToken: { path: 'token', audience: 'vault' } };

/** What is refused: a title, the pod's spec, the code, and where it matters the policy. */
const REFUSED: [string, object, string, object?][] = [
  ['a Windows pod by its os', { os: { name: 'windows' } }, 'WindowsPod'],
  ['a Windows pod by its node selector', { nodeSelector: { 'kubernetes.io/os': 'windows' } }, 'WindowsPod'],
  ['a shared process namespace', { shareProcessNamespace: true }, 'SharedProcessNamespace'],
  ['an API token', volume({ projected: { sources: [apiToken] } }), 'TokenProjection'],
  [
    'an API token beside other sources',
    volume({ projected: { sources: [{ secret: { name: 's' } }, apiToken] } }),
    'TokenProjection',
  ],
  [
    "an API token under the plugin's name with more in it",
    volume({ projected: { sources: [apiToken, { secret: { name: 's' } }] } }, 'kube-api-access-x'),
    'TokenProjection',
  ],
  [
    'two tokens under that name',
    volume({ projected: { sources: [apiToken, apiToken] } }, 'kube-api-access-x'),
    'TokenProjection',
  ],
  ['a token with an audience', volume({ projected: { sources: [vaultToken] } }), 'TokenProjection'],
  [
    'a token for STS under a name of its own',
    volume({ projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'sts.amazonaws.com' } }] } }),
    'TokenProjection',
  ],
  [
    "another token under the EKS webhook's name",
    volume({ projected: { sources: [vaultToken] } }, 'aws-iam-token'),
    'TokenProjection',
  ],
  ['an API token under that name', volume({ projected: { sources: [apiToken] } }, 'aws-iam-token'), 'TokenProjection'],
  [
    'a pod certificate',
    volume({ projected: { sources: [{ podCertificate: { signerName: 'kubernetes.io/kube-apiserver-client-pod' } }] } }),
    'TokenProjection',
  ],
  [
    'a second audience',
    volume({ projected: { sources: [vaultToken, { serviceAccountToken: { path: 't', audience: 'x' } }] } }),
    'TokenProjection',
    { allow: { tokenAudiences: ['vault'] } },
  ],
  ['a source that is not known', volume({ projected: { sources: [{ newKindOfToken: {} }] } }), 'TokenProjection'],
  [
    'a file of our private volume as a variable',
    app({
      env: [{ name: 'X', valueFrom: { fileKeyRef: { volumeName: 'countersign-private', path: 'p', key: 'k' } } }],
    }),
    'ReservedMount',
  ],
  [
    'a prefix aimed at a bearer token',
    app({ envFrom: [{ prefix: 'AWS_BEARER_TOKEN_S', secretRef: { name: 's' } }] }),
    'EnvFromReserved',
  ],
  [
    'two containers of our name',
    { initContainers: ['a', 'b'].map(() => ({ name: 'countersign', command: ['/usr/local/bin/countersign'] })) },
    'ReservedName',
  ],
  ['an inline CSI volume', volume({ csi: { driver: 'secrets-store.csi.k8s.io' } }), 'InlineCsi'],
  ['an inline CSI volume without a driver', volume({ csi: {} }), 'InlineCsi', { allow: { csiDrivers: ['x'] } }],
  [
    'a prefix aimed at AWS_PROFILE',
    app({ envFrom: [{ prefix: 'AWS_', configMapRef: { name: 'c' } }] }),
    'EnvFromReserved',
  ],
  ['a prefix of one letter', app({ envFrom: [{ prefix: 'A', secretRef: { name: 's' } }] }), 'EnvFromReserved'],
  ['a container of our name', { containers: [{ name: 'countersign', image: 'i' }] }, 'ReservedName'],
  [
    'our container among the others',
    { containers: [{ name: 'countersign', image: 'i', command: ['/usr/local/bin/countersign', 'session', 'run'] }] },
    'ReservedName',
  ],
  [
    'an init container of our name that is not ours',
    { initContainers: [{ name: 'countersign', image: 'i' }] },
    'ReservedName',
  ],
  ['a volume of our name that is not ours', volume({ secret: { secretName: 's' } }, 'countersign'), 'ReservedName'],
  ['our private volume', app({ volumeMounts: [{ name: 'countersign-private', mountPath: '/x' }] }), 'ReservedMount'],
  [
    'our tokens',
    app({ volumeMounts: [{ name: 'countersign-tokens', mountPath: '/x', readOnly: true }] }),
    'ReservedMount',
  ],
  [
    'our shared volume, writable',
    app({ volumeMounts: [{ name: 'countersign', mountPath: '/var/run/countersign' }] }),
    'ReservedMount',
  ],
  [
    'our shared volume by an expression',
    app({
      volumeMounts: [{ name: 'countersign', mountPath: '/var/run/countersign', readOnly: true, subPathExpr: '$(X)' }],
    }),
    'ReservedMount',
  ],
  [
    'something over our files',
    app({ volumeMounts: [{ name: 'x', mountPath: '/var/run/countersign' }] }),
    'ReservedPath',
  ],
  [
    'something over our files in odd spelling',
    app({ volumeMounts: [{ name: 'x', mountPath: '/run//./countersign/aws-config/' }] }),
    'ReservedPath',
  ],
  [
    'something in the place of the service account, where the session has that',
    app({ volumeMounts: [{ name: 'x', mountPath: '/run/secrets/kubernetes.io/serviceaccount//token' }] }),
    'ReservedPath',
    {
      session: {
        identity: 'irsa',
        baseRole: 'arn:aws:iam::111122223333:role/base',
        region: 'us-east-1',
        roles: [{ arn: 'arn:aws:iam::111122223333:role/agent' }],
        kubernetes: { identity: 'pod' },
      },
    },
  ],
  ['our ports', app({ ports: [{ containerPort: 9911 }] }), 'ReservedPort'],
];

describe('refused', () => {
  it.each(REFUSED)('%s', (_title, spec, code, policy = {}) => {
    expect(codeFor(podWith(spec), policy)).toBe(code);
  });

  it('in an init container as well', () => {
    expect(
      codeFor(
        podWith({ initContainers: [{ name: 'i', volumeMounts: [{ name: 'countersign-private', mountPath: '/x' }] }] }),
      ),
    ).toBe('ReservedMount');
  });
});

const ADMITTED: [string, object, object?][] = [
  [
    'an audience that the admin lists',
    volume({ projected: { sources: [vaultToken] } }),
    { allow: { tokenAudiences: ['vault'] } },
  ],
  ['a CSI driver that the admin lists', volume({ csi: { driver: 'd' } }), { allow: { csiDrivers: ['d'] } }],
  ['a prefix of its own', app({ envFrom: [{ prefix: 'APP_', secretRef: { name: 's' } }] })],
  ['no prefix', app({ envFrom: [{ secretRef: { name: 's' } }] })],
  ['a path that only begins alike', app({ volumeMounts: [{ name: 'x', mountPath: '/var/run/countersigned' }] })],
  ['a projected volume without tokens', volume({ projected: { sources: [{ secret: { name: 's' } }] } })],
];

describe('admitted', () => {
  it.each(ADMITTED)('%s', (_title, spec, policy = {}) => {
    expect(codeFor(podWith(spec), policy)).toBe('attributed');
  });
});

describe('a path is compared as the container resolves it', () => {
  it.each([
    ['/var/run/x/', '/var/run/x'],
    ['//var//run/./x', '/var/run/x'],
    ['/var/run/y/../x', '/var/run/x'],
    ['/run/x', '/var/run/x'],
    ['/', '/'],
    ['/../run', '/var/run'],
  ])('%s', (path, clean) => {
    expect(cleanPath(path)).toBe(clean);
  });
});
