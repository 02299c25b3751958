import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { ENV, PATH, SESSION_SETTING, TOKEN_FILE } from '../../../../src/names.ts';
import { OPERATOR, SessionPod, type SessionProcess } from '../../../session/support/session-pod.ts';
import type { Cluster, KubectlResult } from '../../cluster.ts';
import { grants } from './grants.ts';

export { OPERATOR };

/** A running session with access to the real API server, and the programs of the agent in it. */
export class Agent implements AsyncDisposable {
  readonly namespace: string;
  readonly sessionId: string;
  /** As the API server calls the pod's service account. */
  readonly account: string;
  readonly pod: SessionPod;
  readonly process: SessionProcess;
  /** The path of the kubeconfig. */
  readonly kubeconfig: string;
  readonly port: number;
  readonly #home: string;

  private constructor(cluster: Cluster, namespace: string, pod: SessionPod, session: SessionProcess) {
    this.namespace = namespace;
    this.sessionId = pod.sessionId;
    this.account = `system:serviceaccount:${namespace}:agent`;
    this.pod = pod;
    this.process = session;
    this.kubeconfig = join(pod.places.shared, 'kubeconfig');
    const { clusters } = JSON.parse(readFileSync(this.kubeconfig, 'utf8')) as {
      clusters: readonly [{ readonly cluster: { readonly server: string } }];
    };
    this.port = Number(new URL(clusters[0].cluster.server).port);
    this.#home = cluster.dir;
  }

  /** @param identity `session` has a group of its own, and its rights are bound to that alone */
  static async start(cluster: Cluster, identity: 'pod' | 'session' = 'pod'): Promise<Agent> {
    const namespace = await cluster.newNamespace();
    const pod = await SessionPod.create();
    try {
      const objects = grants({ namespace, operator: OPERATOR, sessionId: pod.sessionId, identity });
      await succeed(cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(objects) }));
      const token = await succeed(cluster.kubectl(['create', 'token', 'agent', '-n', namespace]));
      writeFileSync(join(pod.places.tokens, TOKEN_FILE.kubernetes), token);
      const session = pod.start('run', {
        env: {
          [SESSION_SETTING.kubernetesIdentity]: identity,
          [SESSION_SETTING.kubernetesServer]: cluster.server,
          [SESSION_SETTING.kubernetesCa]: cluster.ca,
          [SESSION_SETTING.namespace]: namespace,
        },
      });
      await session.ready();
      return new Agent(cluster, namespace, pod, session);
    } catch (error) {
      await pod[Symbol.asyncDispose]();
      throw error;
    }
  }

  kubectl(args: readonly string[], options: RunOptions = {}): Promise<KubectlResult> {
    return this.run(kubectlProgram(), args, options);
  }

  /**
   * Runs a program of the agent. With `inCluster` it has no kubeconfig, but what every client finds in a pod: two
   * variables, and a mount at the path of the service account.
   */
  run(program: string, args: readonly string[], { inCluster = false, stdin = '', env = {} }: RunOptions = {}) {
    const way = inCluster
      ? { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(this.port) }
      : { [ENV.kubeconfig]: this.kubeconfig };
    const all = { PATH: process.env['PATH'], HOME: this.#home, ...way, ...env };
    const account = join(this.pod.places.shared, PATH.serviceAccountSubPath);
    const [name, ...rest] = inCluster ? [...MOUNTED, account, program, ...args] : [program, ...args];
    return finished(name as string, rest, all, stdin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pod[Symbol.asyncDispose]();
  }
}

export interface RunOptions {
  readonly inCluster?: boolean;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A mount that this process alone sees: below it comes what the shared volume has for in-cluster clients. */
const MOUNTED = [
  'unshare',
  '--mount',
  'sh',
  '-ec',
  `mount -t tmpfs tmpfs "$(readlink -f /var/run)"
   mkdir -p ${PATH.serviceAccount}
   mount --bind "$0" ${PATH.serviceAccount}
   exec "$@"`,
];

/** Why programs cannot be run as in a pod here, or nothing. */
export async function whyNoMounts(): Promise<string> {
  const { status, stderr } = await finished('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
    PATH: process.env['PATH'],
  }).catch((error: unknown) => ({ status: 1, stderr: String(error) }));
  return status === 0 ? '' : `no mount can be made, which only root may: ${stderr.trim()}`;
}

export function kubectlProgram(): string {
  const connection = inject('cluster');
  if ('unavailable' in connection) throw new Error(connection.unavailable);
  return connection.kubectl;
}

async function succeed(running: Promise<KubectlResult>): Promise<string> {
  const { status, stdout, stderr } = await running;
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** Runs a program to its end. */
function finished(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  stdin = '',
): Promise<KubectlResult> {
  const child = spawn(program, args, { env, timeout: 60_000, killSignal: 'SIGKILL' });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ status: code ?? -1, ...output }));
  });
}
