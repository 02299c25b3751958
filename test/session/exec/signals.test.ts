import { expect, it } from 'vitest';
import { Place } from './place.ts';

/** Says when it is ready and what it gets; ends at SIGTERM, and with whoever holds the other end of its input. */
const LISTENER = [
  process.execPath,
  '-e',
  `let count = 0;
   for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2', 'SIGQUIT']) {
     process.on(signal, () => console.log(signal, ++count));
   }
   process.on('SIGTERM', () => { console.log('SIGTERM'); process.exit(5); });
   for (const end of ['error', 'close']) process.stdin.on(end, () => process.exit(6));
   process.stdin.resume();
   console.log('ready', process.stdin.isTTY === true, process.ppid);`,
] as const;

it('signals reach the command, which decides what to do', async () => {
  await using place = await Place.create();
  const running = place.start(['--', ...LISTENER], place.session);
  await running.says('ready false');
  for (const [index, signal] of (['SIGHUP', 'SIGUSR2', 'SIGINT', 'SIGQUIT'] as const).entries()) {
    running.child.kill(signal);
    await running.says(`${signal} ${index + 1}`);
  }
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ status: 5, stdout: expect.stringContaining('SIGTERM') });
  expect(place.left).toEqual([]);
});

it.each([
  ['SIGTERM', 143],
  ['SIGKILL', 137],
])('a command that %s ends has the status that shells give it', async (signal, status) => {
  await using place = await Place.create();
  const ended = await place.run(['--', 'sh', '-c', `kill -${signal.slice(3)} $$`], place.session);
  expect(ended).toMatchObject({ status, signal: null });
  expect(place.left).toEqual([]);
});

it('a signal before the command has started ends everything, and the command never runs', async () => {
  await using place = await Place.create();
  place.sts.faults.always({ kind: 'hang' });
  const running = place.start(['--', 'echo', 'ran'], place.session);
  await place.sts.arrivals.next();
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ status: 143, stdout: '' });
  expect(place.left).toEqual([]);
});

it('in a terminal the command has it, and ctrl-C arrives once', async () => {
  await using place = await Place.create();
  const quoted = (line: readonly string[]) =>
    line.map((each) => `'${each.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  const running = place.start(['--', ...LISTENER], place.session, (line) => [
    'script',
    '--quiet',
    '--return',
    '--command',
    // In the place of the shell that `script` starts, which would be ended by ctrl-\\ itself.
    `exec ${quoted(line)}`,
    '/dev/null',
  ]);
  await running.says('ready true');
  running.child.stdin.write('\x03');
  await running.says('SIGINT 1');
  running.child.stdin.write('\x1c');
  await running.says('SIGQUIT');
  // Two of one kind that come together are one to the system, so a key that were sent on might not show; this would.
  const [, program = ''] = /ready true (\d+)/.exec(running.stdout) ?? [];
  process.kill(Number(program), 'SIGINT');
  process.kill(Number(program), 'SIGHUP');
  await running.says('SIGHUP');
  process.kill(Number(program), 'SIGTERM');
  const { stdout, status } = await running.ended;
  expect(stdout.match(/SIG\w+ \d/g)).toEqual(['SIGINT 1', 'SIGQUIT 2', 'SIGHUP 3']);
  expect(status).toBe(5);
});
