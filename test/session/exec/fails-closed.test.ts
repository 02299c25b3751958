import { expect, it } from 'vitest';
import type { Environment } from '../../../src/session/settings.ts';
import { anotherSourceIdentity } from '../sts/faults.ts';
import { Place } from './place.ts';

/** Each step made to fail: the reason is told with what to do next, the command never runs, and nothing is left. */

type Step = readonly [
  what: string,
  code: string,
  message: string,
  broken: (place: Place) => Environment | void,
  ...options: string[],
];

const NO_ROLE = { AWS_ROLE_ARN: undefined, AWS_WEB_IDENTITY_TOKEN_FILE: undefined, AWS_EC2_METADATA_DISABLED: 'true' };

const STEPS: readonly Step[] = [
  ['no name', 'SessionSettingInvalid', 'FAB_OPERATOR', () => ({ FAB_OPERATOR: '' })],
  ['no credentials', 'BaseIdentityFailed', 'aws sts get-caller-identity', () => NO_ROLE],
  [
    'a profile that is not there',
    'BaseIdentityFailed',
    'no AWS credentials',
    () => ({ ...NO_ROLE, AWS_PROFILE: 'gone' }),
  ],
  [
    'a token of somebody else',
    'BaseIdentityFailed',
    'no AWS credentials',
    (place) => void place.write('token', 'a.b.c'),
  ],
  ['a role that trusts others', 'AssumeRoleRefused', 'AccessDenied', () => ({ FAB_OPERATOR: 'mallory@evil.com' })],
  [
    'keys in another name',
    'SourceIdentityChanged',
    'thrown away',
    (place) => {
      place.sts.faults.always(anotherSourceIdentity('bob@acme.com'));
    },
  ],
  [
    'a kubeconfig that is none',
    'KubernetesAccessFailed',
    'is not YAML',
    (place) => ({ KUBECONFIG: place.write('kubeconfig', '{') }),
  ],
  [
    'a kubeconfig without the context that it names',
    'KubernetesAccessFailed',
    'has no context "gone"',
    (place) => ({ KUBECONFIG: place.write('kubeconfig', 'current-context: gone') }),
  ],
  [
    'a kubeconfig whose command would log in with the agent’s keys',
    'KubernetesAccessFailed',
    'give --proxy',
    (place) => ({ KUBECONFIG: place.write('kubeconfig', kubeconfig('exec: {command: aws}')) }),
  ],
  [
    'the same for the proxy, and the command fails',
    'KubernetesAccessFailed',
    'you are not logged in',
    (place) => {
      const command = place.write('log-in', '#!/bin/sh\necho secret-token\necho you are not logged in >&2; exit 1\n');
      const version = 'client.authentication.k8s.io/v1';
      return {
        KUBECONFIG: place.write('kubeconfig', kubeconfig(`exec: {apiVersion: ${version}, command: ${command}}`)),
      };
    },
    '--proxy',
  ],
  [
    'a proxy to a server that is not checked',
    'KubernetesAccessFailed',
    'insecure-skip-tls-verify',
    (place) => ({
      KUBECONFIG: place.write(
        'kubeconfig',
        kubeconfig('token: t').replace('server:', 'insecure-skip-tls-verify: true, server:'),
      ),
    }),
    '--proxy',
  ],
  [
    'a proxy without credentials',
    'KubernetesAccessFailed',
    'neither a token nor',
    (place) => ({ KUBECONFIG: place.write('kubeconfig', kubeconfig('')) }),
    '--proxy',
  ],
];

function kubeconfig(user: string): string {
  return `current-context: one
contexts: [{name: one, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {${user}}}]
`;
}

const steps = STEPS.map(([what, code, message, broken, ...options]) => ({ what, code, message, broken, options }));

it.each(steps)('$what: $code', async ({ code, message, broken, options }) => {
  await using place = await Place.create();
  const env = { ...place.session, ...broken(place) };
  const { status, stdout, stderr } = await place.run([...options, '--', 'echo', 'ran'], env);
  expect([status, stdout]).toEqual([78, '']);
  expect(stderr).toMatch(new RegExp(`^countersign: \\[${code}\\] .*Next: .*\n$`));
  expect(stderr).toContain(message);
  expect(stderr).not.toMatch(/secret-token|ASIA/);
  expect(place.left).toEqual([]);
});

it('no program of that name: told after the session was opened, and it is closed again', async () => {
  await using place = await Place.create();
  const { status, stderr } = await place.run(['--', 'no-such-program'], place.session);
  expect(status).toBe(78);
  expect(stderr).toContain('[UsageInvalid] "no-such-program" cannot be run');
  expect(place.left).toEqual([]);
});

it.each([
  [['echo', 'ran'], 'there is no command to run'],
  [['--'], 'there is no command to run'],
  [['--refresh', '--', 'echo', 'ran'], 'there is no option "--refresh"'],
])('%j is not understood, and nothing runs', async (args, message) => {
  await using place = await Place.create();
  const { status, stdout, stderr } = await place.run(args, place.surroundings);
  expect([status, stdout]).toEqual([78, '']);
  expect(stderr).toContain(message);
});
