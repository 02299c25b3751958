import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { JsonObject } from '../../../src/json.ts';
import { ENV, SESSION_SETTING, TOKEN_FILE } from '../../../src/names.ts';
import type { Places } from '../../../src/session/places.ts';
import type { Environment } from '../../../src/session/settings.ts';
import { BASE_ROLE, exampleAccount, REGION, SESSION_ROLE } from '../sts/example.ts';
import { createIssuer, type Issuer } from '../sts/issuer.ts';
import { startSts, type Sts } from '../sts/stand-in.ts';

export const OPERATOR = 'alice@acme.com';
export const CLUSTER_ARN = 'arn:aws:eks:eu-central-1:111122223333:cluster/production';

/** What outlives any process of a session: its directories, and the STS that it is pointed to. */
export class SessionPod implements AsyncDisposable {
  readonly sts: Sts;
  readonly issuer: Issuer;
  readonly sessionId = randomUUID();
  readonly places: Places;
  readonly #directory = mkdtempSync(join(tmpdir(), 'countersign-session-'));
  readonly #processes: SessionProcess[] = [];

  private constructor(sts: Sts, issuer: Issuer) {
    this.sts = sts;
    this.issuer = issuer;
    const at = (name: string) => join(this.#directory, name);
    this.places = {
      shared: at('shared'),
      private: at('private'),
      tokens: at('tokens'),
      awsPort: 0,
      kubernetesPort: 0,
      terminationLog: at('termination-log'),
    };
    for (const each of [this.places.shared, this.places.private, this.places.tokens]) mkdirSync(each);
    writeFileSync(at('termination-log'), '');
    writeFileSync(at('ca.pem'), sts.ca);
    this.writeToken();
  }

  static async create({ clock = Date.now }: PodOptions = {}): Promise<SessionPod> {
    const issuer = createIssuer({ audiences: ['sts.amazonaws.com', 'pods.eks.amazonaws.com'], clock });
    const podIdentity = { clusterArn: CLUSTER_ARN, associations: { 'team/agent': BASE_ROLE } };
    return new SessionPod(await startSts({ account: exampleAccount(issuer.provider), podIdentity, clock }), issuer);
  }

  /** As kubelet does when it renews the token; without claims, a good one. */
  writeToken(token = this.issuer.token({ aud: ['sts.amazonaws.com'] })): void {
    writeFileSync(join(this.places.tokens, TOKEN_FILE.aws), token);
  }

  /** What stands in the token file; empty when there is none. */
  get token(): string {
    const path = join(this.places.tokens, TOKEN_FILE.aws);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** What the webhook sets in the session container. */
  get settings(): Environment {
    return {
      [ENV.operator]: OPERATOR,
      [ENV.roleArn]: SESSION_ROLE,
      [ENV.duration]: '1800',
      [ENV.sessionId]: this.sessionId,
      [SESSION_SETTING.identity]: 'irsa',
      [SESSION_SETTING.baseRole]: BASE_ROLE,
      [SESSION_SETTING.region]: REGION,
      [SESSION_SETTING.stsEndpoint]: this.sts.url,
      [SESSION_SETTING.sessionTags]: 'true',
      [SESSION_SETTING.instanceMetadata]: 'accept',
      [SESSION_SETTING.kubernetesIdentity]: 'none',
    };
  }

  /** Starts `run`, `init` or `await-ready`, as the container would. */
  start(part: string, options: StartOptions = {}): SessionProcess {
    const env = { ...this.settings, NODE_EXTRA_CA_CERTS: join(this.#directory, 'ca.pem'), ...options.env };
    const started = new SessionProcess({ ...this.places, ...options.places }, part.split(' '), env, options);
    this.#processes.push(started);
    return started;
  }

  /** The files in the shared directory, by path. */
  get shared(): Record<string, string> {
    const entries = readdirSync(this.places.shared, { recursive: true, withFileTypes: true });
    const paths = entries.filter((each) => !each.isDirectory()).map((each) => join(each.parentPath, each.name));
    return Object.fromEntries(
      paths.map((path) => [path.slice(this.places.shared.length + 1), readFileSync(path, 'utf8')]),
    );
  }

  get terminationMessage(): string {
    return readFileSync(this.places.terminationLog ?? '', 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#processes) await each.kill();
    await this.sts.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export interface PodOptions {
  /** What AWS and the cluster take for the present, when it is not ours. */
  readonly clock?: () => number;
}

export interface StartOptions {
  /** Set over, or with undefined taken out of, what the webhook sets. */
  readonly env?: Environment;
  readonly places?: Partial<Places>;
  /** A command line that runs the one appended to it, such as `faketime`. */
  readonly wrapper?: readonly string[];
  readonly nodeArgs?: readonly string[];
}

const PROGRAM = join(import.meta.dirname, 'run-session.ts');

/** One process of the session program. */
export class SessionProcess {
  readonly child: ChildProcess;
  /** Settles when it has ended and all that it wrote was read. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #lines: string[] = [];
  errors = '';

  constructor(places: Places, args: readonly string[], env: Environment, options: StartOptions) {
    const node = [process.execPath, ...(options.nodeArgs ?? []), PROGRAM, JSON.stringify({ places }), ...args];
    const [program = '', ...rest] = [...(options.wrapper ?? []), ...node];
    const clean = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
    this.child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: clean });
    this.exited = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    if (this.child.stdout === null || this.child.stderr === null) throw new Error('no pipes');
    this.child.stderr.setEncoding('utf8').on('data', (part: string) => (this.errors += part));
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.child.emit('line');
    });
  }

  /** All that it wrote to standard output. */
  get output(): string {
    return this.#lines.join('\n');
  }

  get log(): readonly JsonObject[] {
    return this.#lines.map((line) => JSON.parse(line) as JsonObject);
  }

  /** The first line of the log with this message, now or later. */
  async logged(message: string): Promise<JsonObject> {
    for (;;) {
      const line = this.log.find((each) => each['msg'] === message);
      if (line !== undefined) return line;
      if (this.child.exitCode !== null) throw new Error(`ended without logging it:\n${this.output}\n${this.errors}`);
      await Promise.race([once(this.child, 'line'), this.exited]);
    }
  }

  /** Waits until the session is open. */
  async ready(): Promise<{ readonly awsPort: number }> {
    const line = await this.logged('session ready');
    return { awsPort: Number(line['awsPort']) };
  }

  /** Ends it, as a node that runs out of memory would. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}
