import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { pythonPackages } from '../support/python.ts';

/** What an application does in a test; `ready` needs no credentials. */
export type Call = 'ready' | 'whoami' | 'list' | 'put' | 'get';

/** What came of it: what the client says, or why it failed. */
export type Outcome = { readonly answer: unknown } | { readonly error: string };

/** A running application. */
export interface Application {
  call(call: Call): Promise<Outcome>;
  stop(): Promise<void>;
}

export type Variables = Readonly<Record<string, string>>;

/** A kind of application: the command line is started anew for every call, the others stay. */
export interface Client {
  readonly name: string;
  /** Why it cannot be had here; empty when it can. */
  readonly unavailable: string;
  start(variables: Variables): Application;
}

const packages = await pythonPackages('aws-clients.txt');

const noPython = packages.unavailable ?? '';

const python = packages.unavailable === undefined ? packages.python : '';
const packagePath = packages.unavailable === undefined ? packages.path : '';
/** The bytecode stays in the cache, whatever is pretended about the time. */
const PYTHON = { PYTHONPATH: packagePath, PYTHONDONTWRITEBYTECODE: '1' };

export const JAVASCRIPT: Client = {
  name: 'the SDK for JavaScript',
  unavailable: '',
  start: (variables) => new Lines(process.execPath, [join(import.meta.dirname, 'agent.ts')], variables),
};

export const BOTO3: Client = {
  name: 'boto3',
  unavailable: noPython,
  start: (variables) => new Lines(python, [join(import.meta.dirname, 'agent.py')], { ...variables, ...PYTHON }),
};

export const CLI: Client = {
  name: 'the AWS CLI',
  unavailable: noPython,
  start: (variables) => ({
    call: async (call) =>
      call === 'ready' ? { answer: true } : runCli(COMMANDS[call], { ...variables, ...PYTHON, AWS_PAGER: '' }),
    stop: () => Promise.resolve(),
  }),
};

export const CLIENTS: readonly Client[] = [JAVASCRIPT, BOTO3, CLI];

/** An application that answers lines. */
class Lines implements Application {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #errors = '';

  constructor(program: string, args: readonly string[], variables: Variables) {
    this.#child = spawn(program, args, { stdio: 'pipe', env: { ...variables } });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
    stderr.setEncoding('utf8').on('data', (part: string) => (this.#errors += part));
  }

  async call(call: Call): Promise<Outcome> {
    this.#child.stdin?.write(`${call}\n`);
    const { value, done } = await this.#answers.next();
    return done === true ? { error: this.#errors } : (JSON.parse(value) as Outcome);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

const COMMANDS: Readonly<Record<Exclude<Call, 'ready'>, readonly string[]>> = {
  whoami: ['sts', 'get-caller-identity', '--query', 'Arn'],
  list: ['s3api', 'list-buckets', '--query', 'Buckets[].Name'],
  put: [
    's3api',
    'put-object',
    '--bucket',
    'work',
    '--key',
    'from/cli',
    '--body',
    import.meta.filename,
    '--query',
    'ETag',
  ],
  get: ['s3api', 'get-object', '--bucket', 'work', '--key', 'from/cli', '/dev/null', '--query', 'ETag'],
};

function runCli(command: readonly string[], variables: Variables): Promise<Outcome> {
  return new Promise((resolve) => {
    const args = ['-m', 'awscli', ...command, '--output', 'json'];
    execFile(python, args, { env: variables }, (error, stdout, stderr) => {
      resolve(error === null ? { answer: JSON.parse(stdout) as unknown } : { error: stderr.trim() });
    });
  });
}
