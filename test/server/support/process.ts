import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { SAMPLE_POLICY } from '../../../src/policy/sample.ts';
import { until } from '../../cluster/until.ts';
import { authority, newServing } from './certificates.ts';
import type { Endpoint } from './client.ts';
import { seriesIn } from './metrics.ts';
import { Volume } from './volume.ts';
import { newSecret } from './webhook.ts';

/** The files that the process reads; each can be replaced while it runs. */
export interface Volumes {
  readonly tls: Volume;
  readonly secrets: Volume;
  readonly policy: Volume;
}

export interface ProcessOptions {
  /** More arguments of `countersign webhook`. */
  readonly args?: readonly string[];
  /** Arguments of node itself. */
  readonly nodeArgs?: readonly string[];
  /** Files to begin with, instead of good ones. */
  readonly tls?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly policy?: string;
  readonly ipc?: boolean;
  /** A command line that runs the one appended to it, such as a shell that sets a limit first. */
  readonly wrapper?: readonly [string, ...string[]];
  /** Where standard output goes, when it is not read. */
  readonly stdout?: number;
}

/** `node src/main.ts webhook` as a child process; ended with the test. */
export class WebhookProcess implements AsyncDisposable {
  readonly volumes: Volumes;
  readonly child: ChildProcess;
  readonly secret: string;
  readonly ca = authority.certificate;
  /** Settles when the process ended and all that it wrote was read. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  port = 0;
  probePort = 0;
  readonly #lines: string[] = [];
  #output = '';
  #errors = '';

  private constructor(volumes: Volumes, secret: string, options: ProcessOptions) {
    this.volumes = volumes;
    this.secret = secret;
    const node = [
      process.execPath,
      ...(options.nodeArgs ?? []),
      'src/main.ts',
      'webhook',
      '--host=127.0.0.1',
      '--port=0',
      '--probe-port=0',
      '--drain-seconds=0',
      `--tls-dir=${volumes.tls.path}`,
      `--path-secret-dir=${volumes.secrets.path}`,
      `--policy=${volumes.policy.file('policy.yaml')}`,
      '--session-image=registry.example/countersign@sha256:0',
      ...(options.args ?? []),
    ];
    const [program = '', ...args] = [...(options.wrapper ?? []), ...node];
    this.child = spawn(program, args, {
      stdio: ['ignore', options.stdout ?? 'pipe', 'pipe', ...(options.ipc === true ? (['ipc'] as const) : [])],
    });
    this.exited = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    this.#collect(this.child.stdout);
    this.#collect(this.child.stderr, (line) => (this.#errors += `${line}\n`));
  }

  /** Starts it and waits until it listens. */
  static async start(options: ProcessOptions = {}): Promise<WebhookProcess> {
    const started = await WebhookProcess.launch(options);
    const listening = await started.logged((line) => line['msg'] === 'listening');
    started.port = Number(listening['port']);
    started.probePort = Number(listening['probePort']);
    return started;
  }

  /** Starts it, whatever becomes of it. */
  static async launch(options: ProcessOptions = {}): Promise<WebhookProcess> {
    const serving = await newServing();
    const secret = newSecret();
    const volumes = {
      tls: new Volume(options.tls ?? { 'tls.crt': serving.certificate, 'tls.key': serving.key }),
      secrets: new Volume(options.secrets ?? { secret }),
      policy: new Volume({ 'policy.yaml': options.policy ?? SAMPLE_POLICY }),
    };
    return new WebhookProcess(volumes, secret, options);
  }

  get endpoint(): Endpoint {
    return { port: this.port, ca: this.ca, secret: this.secret };
  }

  /** All that it wrote, standard error included. */
  get output(): string {
    return this.#output;
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors;
  }

  /** What it logged so far. */
  get log(): readonly Record<string, unknown>[] {
    return this.#lines.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []));
  }

  /** The first line of the log that fits, now or later. */
  async logged(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const line = this.log.find(fits);
      if (line !== undefined) return line;
      if (this.child.exitCode !== null) throw new Error(`ended without logging it:\n${this.#output}`);
      await Promise.race([once(this.child, 'line'), this.exited]);
    }
  }

  /** Asks the listener of the probes. */
  async probe(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const sent = request({ host: '127.0.0.1', port: this.probePort, path, agent: false });
    sent.end();
    const [response] = (await once(sent, 'response')) as [Readable & { statusCode: number }];
    return { status: response.statusCode, text: await text(response) };
  }

  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
    return seriesIn((await this.probe('/metrics')).text, name, labels);
  }

  /** Waits until a series has a value. */
  async counted(name: string, labels: Readonly<Record<string, string>>, value: number): Promise<void> {
    await until(`${name} of ${JSON.stringify(labels)} is ${value}`, async () => {
      return (await this.metric(name, labels)) === value;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
    const { tls, secrets, policy } = this.volumes;
    for (const volume of [tls, secrets, policy]) volume.remove();
  }

  #collect(stream: Readable | null, note?: (line: string) => void): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      note?.(line);
      this.#lines.push(line);
      this.#output += `${line}\n`;
      this.child.emit('line');
    });
  }
}
