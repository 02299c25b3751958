import type { CoreV1EventList, V1ContainerStatus, V1Pod, V1PodList } from '@kubernetes/client-node';
import type { Cluster, KubectlResult } from '../../cluster/cluster.ts';
import { until } from '../../cluster/until.ts';

/** Pods of one namespace, through kubectl: what people do with them and see of them. */
export class Pods {
  readonly namespace: string;
  readonly #cluster: Cluster;
  readonly #kubeconfig: string;

  /** @param kubeconfig whose pods they are; the administrator's when not given */
  constructor(cluster: Cluster, namespace: string, kubeconfig: string = cluster.adminKubeconfig) {
    this.#cluster = cluster;
    this.namespace = namespace;
    this.#kubeconfig = kubeconfig;
  }

  /** Creates whatever is given, pods and what makes pods; fails when it is refused. */
  async create(object: object): Promise<void> {
    const whole = { apiVersion: 'v1', kind: 'Pod', ...object };
    await this.#checked(['create', '-f', '-'], JSON.stringify(whole));
  }

  async get(name: string): Promise<V1Pod> {
    return JSON.parse(await this.#checked(['get', 'pod', name, '-o', 'json'])) as V1Pod;
  }

  async list(selector: string): Promise<readonly V1Pod[]> {
    const found = JSON.parse(await this.#checked(['get', 'pods', `--selector=${selector}`, '-o', 'json'])) as V1PodList;
    return found.items;
  }

  async delete(name: string): Promise<void> {
    await this.#checked(['delete', 'pod', name, '--wait=true']);
  }

  /** Until it is in this phase; what it looks like and what happened is told when that takes too long. */
  async untilPhase(name: string, phase: string, timeoutMs = 60_000): Promise<V1Pod> {
    return this.until(name, `is ${phase}`, (pod) => pod.status?.phase === phase, timeoutMs);
  }

  async until(name: string, what: string, fits: (pod: V1Pod) => boolean, timeoutMs = 60_000): Promise<V1Pod> {
    try {
      return await until(
        `pod ${name} ${what}`,
        async () => {
          const pod = await this.get(name);
          return fits(pod) && pod;
        },
        { timeoutMs, everyMs: 250 },
      );
    } catch (error) {
      throw new Error(`${String(error)}\n${await this.describe(name)}`, { cause: error });
    }
  }

  /** What kubelet told of a pod, also when it is gone: `Pulled spec.containers{app}` and the like. */
  async events(name: string): Promise<readonly string[]> {
    const args = ['get', 'events', `--field-selector=involvedObject.name=${name}`, '-o', 'json'];
    const { items } = JSON.parse(await this.#checked(args)) as CoreV1EventList;
    return items.map(({ reason, involvedObject }) => `${reason} ${involvedObject.fieldPath ?? ''}`);
  }

  describe(name: string): Promise<string> {
    return this.#checked(['describe', 'pod', name]);
  }

  log(name: string, container: string): Promise<string> {
    return this.#checked(['logs', name, `--container=${container}`]);
  }

  exec(name: string, container: string, command: readonly string[]): Promise<KubectlResult> {
    return this.kubectl(['exec', name, `--container=${container}`, '--', ...command]);
  }

  kubectl(args: readonly string[], stdin = ''): Promise<KubectlResult> {
    const namespaced = [`--namespace=${this.namespace}`, ...args];
    return this.#cluster.kubectl(namespaced, { kubeconfig: this.#kubeconfig, stdin });
  }

  async #checked(args: readonly string[], stdin = ''): Promise<string> {
    const { status, stdout, stderr } = await this.kubectl(args, stdin);
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}

/** How a container of a pod is doing, whatever kind of container it is. */
export function statusOf(pod: V1Pod, name: string): V1ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses].find((status) => status.name === name);
}
