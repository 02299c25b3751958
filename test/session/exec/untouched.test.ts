import { expect, it } from 'vitest';
import { Place, PRINT_ENVIRONMENT } from './place.ts';

/** Without FAB_OPERATOR a command runs as if we were not there. */

it('the command gets the environment as it is, keys and all', async () => {
  await using place = await Place.create();
  const { FAB_OPERATOR: _, ...env } = place.session;
  const whole = { ...env, AWS_ACCESS_KEY_ID: 'AKIAOWN', AWS_PROFILE: 'own', KUBECONFIG: '/own', EMPTY: '' };
  const { status, stdout, stderr } = await place.run(['--renew', '--proxy', '--', ...PRINT_ENVIRONMENT], whole);
  expect([status, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toEqual(whole);
  expect(place.sts.arrivals.all).toEqual([]);
  expect(place.left).toEqual([]);
});

it('standard input, both outputs and the exit status are its own', async () => {
  await using place = await Place.create();
  const running = place.start(['--', 'sh', '-c', 'cat; echo oops >&2; exit 7'], place.surroundings);
  running.child.stdin.end('hello');
  expect(await running.ended).toEqual({ status: 7, signal: null, stdout: 'hello', stderr: 'oops\n' });
});

it.each([
  ['nothing of that name', 'no-such-program', 127],
  ['nothing that can be run', '/etc/passwd', 126],
])('%s ends as a shell ends it', async (_, command, expected) => {
  await using place = await Place.create();
  const { status, stderr } = await place.run(['--', command], place.surroundings);
  expect(status).toBe(expected);
  expect(stderr).toContain(`"${command}" cannot be run`);
});
