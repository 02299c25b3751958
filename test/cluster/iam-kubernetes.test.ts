import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { countersign } from '../server/cli/run.ts';
import { OPERATOR, Place } from '../session/exec/place.ts';
import { connect } from './fixture.ts';

const cluster = connect();

/** What `countersign iam kubernetes` prints, on a real API server: what it lets through, and nothing else. */
describe.skipIf(cluster.unavailable)('RBAC of sessions', () => {
  let namespace: string;
  /** The pods' service account. */
  let runner: string;

  beforeAll(async () => {
    namespace = await cluster.newNamespace();
    const policy = join(import.meta.dirname, '../../manifests/sample-policy.yaml');
    const account = ['--service-account', `${namespace}/runner`, '--cluster-role', 'view'];
    const printed = await countersign(['iam', 'kubernetes', '-f', policy, ...account, '--operator', OPERATOR]);
    const applied = await cluster.kubectl(['apply', '-f', '-'], { stdin: printed.stdout });
    if (applied.status !== 0) throw new Error(printed.stderr + applied.stderr);
    runner = await cluster.serviceAccountKubeconfig(namespace, 'runner');
    return async () => {
      await cluster.kubectl(['delete', '--ignore-not-found', '-f', '-'], { stdin: printed.stdout });
    };
  });

  const getPods = (...impersonation: string[]) =>
    cluster.kubectl(['-n', namespace, 'get', 'pods', ...impersonation], { kubeconfig: runner });

  it('lets the account act for its operator, with the operator’s rights', async () => {
    expect(await getPods('--as', OPERATOR)).toMatchObject({ status: 0 });
    const [event] = await cluster.untilAudited({ namespace, resource: 'pods', impersonated: OPERATOR });
    expect(event?.user.username).toBe(`system:serviceaccount:${namespace}:runner`);
  });

  it.each<[string, readonly string[], RegExp]>([
    ['for itself', [], /cannot list resource "pods"/],
    ['for somebody else', ['--as', 'bob@acme.com'], /cannot impersonate resource "users"/],
    ['for an admin', ['--as', 'system:admin'], /cannot impersonate resource "users"/],
    ['with a group', ['--as', OPERATOR, '--as-group', 'system:masters'], /cannot impersonate resource "groups"/],
    ['with a uid', ['--as', OPERATOR, '--as-uid', '1'], /cannot impersonate resource "uids"/],
  ])('lets it do nothing %s', async (_, impersonation, message) => {
    const { status, stderr } = await getPods(...impersonation);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  });

  describe('session exec', () => {
    const kubectl = (): string => {
      const provided = inject('cluster');
      return 'kubectl' in provided ? provided.kubectl : '';
    };
    const program = `set -e
      "$0" auth whoami -o json
      "$0" -n "$1" get pods -o name
      ! "$0" -n "$1" get pods --as bob@acme.com`;

    /** A kubeconfig whose token comes from a command, as on EKS. */
    const byCommand = (place: Place): string => {
      const config = JSON.parse(readFileSync(runner, 'utf8')) as { users: { user: { token: string } }[] };
      const status = { token: config.users[0]?.user.token };
      const version = 'client.authentication.k8s.io/v1';
      const answer = place.write(
        'answer.json',
        JSON.stringify({ apiVersion: version, kind: 'ExecCredential', status }),
      );
      const exec = { apiVersion: version, command: place.write('get-token', `#!/bin/sh\ncat ${answer}\n`) };
      return place.write('kubeconfig', JSON.stringify({ ...config, users: [{ name: 'test', user: { exec } }] }));
    };

    it.each<[string, string[], (place: Place) => string]>([
      ['a kubeconfig with as', [], () => runner],
      ['the proxy', ['--proxy'], () => runner],
      ['the proxy and a command for the token', ['--proxy'], byCommand],
    ])('by %s: kubectl is the operator, in this session, and nobody else', async (_, options, kubeconfig) => {
      await using place = await Place.create();
      const env = { ...place.session, KUBECONFIG: kubeconfig(place), KUBECACHEDIR: join(place.home, 'cache') };
      const { status, stdout, stderr } = await place.run(
        [...options, '--', 'sh', '-c', program, kubectl(), namespace],
        env,
      );
      const proxied = options.length > 0;
      const { session } = JSON.parse(stderr.slice(0, stderr.indexOf('\n'))) as { session: string };
      expect(JSON.parse(stdout)).toMatchObject({
        status: { userInfo: { username: OPERATOR, extra: { 'countersign.dev/session': [session] } } },
      });
      // Through the proxy, what the command claims is dropped, and it stays the operator; without, RBAC refuses it.
      expect(status).toBe(proxied ? 1 : 0);
      expect(stderr).toMatch(proxied ? /Impersonate-User dropped/ : /cannot impersonate resource "users"/);
      const events = cluster.auditEvents({ namespace, resource: 'pods' });
      const ofSession = events.filter(
        ({ impersonatedUser }) => impersonatedUser?.extra?.['countersign.dev/session']?.[0] === session,
      );
      expect(ofSession.length).toBeGreaterThanOrEqual(proxied ? 2 : 1);
      expect(ofSession.filter(({ impersonatedUser }) => impersonatedUser?.username !== OPERATOR)).toEqual([]);
    });
  });
});
