import type { V1Pod } from '@kubernetes/client-node';
import type { Cluster, KubectlResult } from '../../cluster.ts';
import { Api } from './api.ts';

/** Somebody with a kubeconfig: with kubectl where it matters what they see, without where it is slow. */
export class Person {
  readonly kubeconfig: string;
  readonly api: Api;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, kubeconfig: string) {
    this.#cluster = cluster;
    this.kubeconfig = kubeconfig;
    this.api = new Api(kubeconfig);
  }

  kubectl(args: readonly string[], stdin = ''): Promise<KubectlResult> {
    return this.#cluster.kubectl(args, { kubeconfig: this.kubeconfig, stdin });
  }

  /** `kubectl create`, which prints the pod as stored or why there is none. */
  create(namespace: string, pod: object, ...flags: readonly string[]): Promise<KubectlResult> {
    return this.kubectl(['create', '-n', namespace, '-f', '-', '-o', 'json', ...flags], JSON.stringify(pod));
  }

  /** The pod as stored; fails when kubectl did, or warned. */
  async created(namespace: string, pod: object, ...flags: readonly string[]): Promise<V1Pod> {
    const { status, stdout, stderr } = await this.create(namespace, pod, ...flags);
    if (status !== 0 || stderr !== '') throw new Error(`kubectl create: ${status} ${stderr}`);
    return JSON.parse(stdout) as V1Pod;
  }

  /** What kubectl says when Countersign refuses, from the code on; fails when it said something else. */
  async refused(namespace: string, pod: object, ...flags: readonly string[]): Promise<string> {
    const { status, stderr } = await this.create(namespace, pod, ...flags);
    const [, message] = DENIED.exec(stderr) ?? [];
    if (status === 0 || message === undefined) throw new Error(`not refused by Countersign: ${status} ${stderr}`);
    return message;
  }
}

const DENIED =
  /^Error from server \(Forbidden\): error when creating "STDIN": admission webhook "pods\.countersign\.dev" denied the request: (.+)\n$/;
