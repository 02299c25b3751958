import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TOKEN_FILE } from '../../../src/names.ts';
import { kubernetesEnv } from '../support/kubernetes-env.ts';
import { SessionPod } from '../support/session-pod.ts';

/** A namespace of our own in which to mount a small volume in memory, where the kernel lets us. */
const NAMESPACE = ['unshare', '--map-root-user', '--mount'] as const;
const canMount = spawnSync(NAMESPACE[0], [...NAMESPACE.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

/** Runs a command with a volume of one page at a path, and lists what is left there when it has ended. */
function withSmallVolume(path: string): readonly string[] {
  const script = 'mount -t tmpfs -o size=4k tmpfs "$0" && { "$@"; status=$?; ls -A "$0"; exit $status; }';
  return [...NAMESPACE, 'sh', '-c', script, path];
}

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);

describe('the files of a session', () => {
  test.for(['000', '022', '077'])(
    'whatever the umask (%s): readable by every user, private ones by ours',
    async (mask) => {
      await using pod = await SessionPod.create();
      writeFileSync(join(pod.places.tokens, TOKEN_FILE.kubernetes), pod.issuer.token());
      const wrapper = ['sh', '-c', `umask ${mask} && exec "$0" "$@"`];
      await pod.start('run', { wrapper, env: kubernetesEnv(pod) }).ready();
      const { shared, private: own } = pod.places;
      const modes = Object.keys(pod.shared).map((name) => [name, modeOf(join(shared, name))]);
      expect(Object.fromEntries(modes)).toEqual({
        'aws-config': '444',
        'aws-credentials': '444',
        'aws-token': '444',
        kubeconfig: '444',
        'serviceaccount/ca.crt': '444',
        'serviceaccount/namespace': '444',
        'serviceaccount/token': '444',
      });
      expect(modeOf(join(shared, 'serviceaccount'))).toBe('755');
      const names = ['credentials.json', 'endpoint-token', 'kubernetes-proxy.json', 'ready'];
      for (const name of names) expect([name, modeOf(join(own, name))]).toEqual([name, '600']);
    },
  );

  test('the token has no line end, which SDKs would send', async () => {
    await using pod = await SessionPod.create();
    await pod.start('run').ready();
    expect(pod.shared['aws-token']).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test('a line end after the pod’s own token does no harm', async () => {
    await using pod = await SessionPod.create();
    pod.writeToken(`${pod.token}\n`);
    await pod.start('run').ready();
  });

  test('delivered as files: the keys are the default profile, and the process ends', async () => {
    await using pod = await SessionPod.create();
    const started = pod.start('init');
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(Object.keys(pod.shared).toSorted()).toEqual(['aws-config', 'aws-credentials', 'kubeconfig']);
    expect(pod.shared['aws-credentials']).toMatch(
      /^\[default\]\naws_access_key_id = \S+\naws_secret_access_key = \S+\naws_session_token = \S+\n$/m,
    );
    expect(started.log).toEqual([expect.objectContaining({ msg: 'session delivered', operator: 'alice@acme.com' })]);
  });

  test.skipIf(!canMount).for([
    ['run', 'private'],
    ['run', 'shared'],
    ['init', 'shared'],
  ] as const)(
    'a full volume (%s, %s): [SessionFilesFailed], and nothing is left (needs user namespaces)',
    async ([part, place]) => {
      await using pod = await SessionPod.create();
      // Each file takes a page, and there is one.
      const wrapper = withSmallVolume(pod.places[place]);
      const started = pod.start(part, { wrapper });
      expect(await started.exited).toEqual({ code: 78, signal: null });
      expect(started.errors).toMatch(
        /^countersign: \[SessionFilesFailed\] .+ the volume is full\. Next: .+memory limit/,
      );
      expect(pod.terminationMessage).toBe(started.errors);
      expect(pod.shared).toEqual({});
      if (place === 'shared') expect(started.output).toBe('');
    },
  );
});
