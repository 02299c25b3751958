import { once } from 'node:events';
import { pythonPackages } from '../../test/session/support/python.ts';
import { BASE_ROLE, REGION, SESSION_ROLE } from '../../test/session/sts/example.ts';
import { startChild } from '../child.ts';
import { figure, median } from '../table.ts';
import { newSession, OPERATOR, type Rig } from './rig.ts';
import { openSession, waitAsHook } from './session.ts';

const ROUNDS = 12;
const AIM = 0.15;

/** How long a session takes to open, beside the two calls that somebody would write instead. */
export async function reportStart(rig: Rig): Promise<string[][]> {
  const times = { ours: [], hook: [], silent: [], aws: [], empty: [] } as Record<string, number[]>;
  const aws = await pythonPackages('aws-clients.txt');
  for (let round = 0; round <= ROUNDS; round += 1) {
    const measured = {
      ours: await untilReady(rig, rig.closed),
      hook: await untilLetGo(rig),
      silent: await untilReady(rig, rig.silent),
      empty: await took(() => ran(process.execPath, ['-e', '0'], {})),
      ...(aws.unavailable === undefined && { aws: await took(() => twoCalls(rig, aws)) }),
    };
    // The first round has files read and the stand-in compiled.
    if (round > 0) for (const [name, time] of Object.entries(measured)) times[name]?.push(time);
  }
  const of = (name: string): number => median(times[name] ?? []);
  const ratio = median((times['ours'] ?? []).map((time, round) => time / (times['aws']?.[round] ?? Number.NaN)));
  const verdict = ratio <= AIM ? 'met' : 'missed';
  return [
    aws.unavailable !== undefined
      ? ['start to ready, ms', figure(of('ours')), '', '', `not compared: ${aws.unavailable}`]
      : [
          'start to ready / two calls of aws sts, ms',
          figure(of('ours')),
          figure(of('aws')),
          figure(ratio),
          `${AIM}: ${verdict}`,
        ],
    ['the same, until the hook lets go, ms', figure(of('hook')), '', '', ''],
    ['the same, with metadata that never answers, ms', figure(of('silent')), '', '', ''],
    ['of it: Node without a program, ms', figure(of('empty')), '', '', ''],
  ];
}

async function untilReady(rig: Rig, metadata: string): Promise<number> {
  const { child, readyMs } = await openSession(rig, await newSession(rig, { metadata }));
  await child.stop();
  return readyMs;
}

async function untilLetGo(rig: Rig): Promise<number> {
  const prepared = await newSession(rig, { metadata: rig.closed });
  const began = performance.now();
  const opening = openSession(rig, prepared);
  await Promise.all([waitAsHook(rig, prepared), opening]);
  const time = performance.now() - began;
  await (await opening).child.stop();
  return time;
}

async function took(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

/** AssumeRoleWithWebIdentity, and with its keys AssumeRole. */
async function twoCalls(rig: Rig, { python, path }: { readonly python: string; readonly path: string }): Promise<void> {
  const common = ['--endpoint-url', rig.sts.url, '--region', REGION, '--output', 'json'];
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: rig.directory,
    PYTHONPATH: path,
    AWS_CA_BUNDLE: rig.stsCa,
  };
  const aws = (args: readonly string[], keys = {}): Promise<string> =>
    ran(python, ['-m', 'awscli', 'sts', ...args, ...common], { ...env, ...keys });
  const name = ['--role-session-name', 'fab-bench'];
  const base = ['--role-arn', BASE_ROLE, '--web-identity-token', rig.issuer.token()];
  const answer = await aws(['assume-role-with-web-identity', ...base, ...name]);
  const { Credentials } = JSON.parse(answer) as { Credentials: Readonly<Record<string, string>> };
  const keys = {
    AWS_ACCESS_KEY_ID: Credentials['AccessKeyId'] ?? '',
    AWS_SECRET_ACCESS_KEY: Credentials['SecretAccessKey'] ?? '',
    AWS_SESSION_TOKEN: Credentials['SessionToken'] ?? '',
  };
  const session = ['--role-arn', SESSION_ROLE, '--source-identity', OPERATOR, '--duration-seconds', '1800'];
  await aws(['assume-role', ...session, ...name], keys);
}

/** @returns what it printed */
async function ran(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const child = startChild(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  let output = '';
  child.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child.process, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.slice(0, 4).join(' ')} ended with ${code}`);
  return output;
}
