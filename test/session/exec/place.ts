import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../../../src/session/settings.ts';
import { BASE_ROLE, exampleAccount, REGION, SESSION_ROLE } from '../sts/example.ts';
import { createIssuer, type Issuer } from '../sts/issuer.ts';
import { startSts, type Sts } from '../sts/stand-in.ts';

export const OPERATOR = 'alice@acme.com';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');

/** A machine without a webhook: a home, a place for temporary files, an environment, and an STS. */
export class Place implements AsyncDisposable {
  readonly sts: Sts;
  readonly issuer: Issuer;
  readonly home = mkdtempSync(join(tmpdir(), 'countersign-exec-'));
  readonly #temporary = join(this.home, 'temporary');
  readonly #processes: ExecProcess[] = [];

  private constructor(sts: Sts, issuer: Issuer) {
    this.sts = sts;
    this.issuer = issuer;
    mkdirSync(this.#temporary);
    this.write('ca.pem', sts.ca);
    this.writeToken();
    this.write('pod-identity-token', issuer.token({ aud: ['pods.eks.amazonaws.com'] }));
  }

  /** @param clock what AWS takes for the present, when it is not ours */
  static async create(clock: () => number = Date.now): Promise<Place> {
    const issuer = createIssuer({ audiences: ['sts.amazonaws.com', 'pods.eks.amazonaws.com'], clock });
    const podIdentity = {
      clusterArn: 'arn:aws:eks:eu-central-1:111122223333:cluster/one',
      associations: { 'team/agent': BASE_ROLE },
    };
    return new Place(
      await startSts({ account: exampleAccount(issuer.provider), buckets: ['work'], podIdentity, clock }),
      issuer,
    );
  }

  /** As whoever renews the token of a web identity does it. */
  writeToken(): void {
    this.write('token', this.issuer.token({ aud: ['sts.amazonaws.com'] }));
  }

  /** Writes a file below the home. @returns its path */
  write(name: string, content: string): string {
    const path = join(this.home, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content, { mode: 0o700 });
    return path;
  }

  /** What every program here gets. */
  get surroundings(): Environment {
    return {
      PATH: process.env['PATH'],
      HOME: this.home,
      TMPDIR: this.#temporary,
      NODE_EXTRA_CA_CERTS: join(this.home, 'ca.pem'),
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_STS: this.sts.url,
    };
  }

  /** Base credentials by the pod's token, and the session that is wanted. */
  get session(): Environment {
    return {
      ...this.surroundings,
      ...this.webIdentity,
      FAB_OPERATOR: OPERATOR,
      FAB_SESSION_ROLE_ARN: SESSION_ROLE,
    };
  }

  get webIdentity(): Environment {
    return {
      AWS_ROLE_ARN: BASE_ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: join(this.home, 'token'),
      AWS_ROLE_SESSION_NAME: 'base',
    };
  }

  /** Starts `countersign session exec ARGS`, or with a wrapper a program that runs it. */
  start(
    args: readonly string[],
    env: Environment,
    wrapper: (line: readonly string[]) => string[] = (line) => [...line],
  ) {
    const started = new ExecProcess(wrapper([process.execPath, MAIN, 'session', 'exec', ...args]), env);
    this.#processes.push(started);
    return started;
  }

  /** The same, to its end. */
  async run(args: readonly string[], env: Environment): Promise<ExecResult> {
    return this.start(args, env).ended;
  }

  /** What sessions have left behind. */
  get left(): string[] {
    return readdirSync(this.#temporary);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#processes) await each.kill();
    await this.sts.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

export interface ExecResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process, with what it and its command write. */
export class ExecProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<ExecResult>;
  #stdout = '';
  #stderr = '';

  constructor([program = '', ...args]: readonly string[], env: Environment) {
    const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
    this.child = spawn(program, args, { env: set, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.child.emit('said');
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.child.emit('said');
    });
    this.ended = once(this.child, 'close').then(([status, signal]) => ({
      status: status as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** So far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Waits until it has written this, so often; fails when it ends before. */
  async says(text: string, times = 1): Promise<void> {
    const over = this.ended.then((result) =>
      Promise.reject(new Error(`ended without "${text}": ${JSON.stringify(result)}`)),
    );
    over.catch(() => undefined);
    while ((this.#stdout + this.#stderr).split(text).length <= times) {
      await Promise.race([once(this.child, 'said'), over]);
    }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** A command that prints its environment as JSON. */
export const PRINT_ENVIRONMENT = [process.execPath, '-e', 'console.log(JSON.stringify(process.env))'] as const;
