import { rmSync } from 'node:fs';
import type { ComponentControl, ComponentName } from './cluster.ts';
import { Component } from './component.ts';
import { apiServerFlags, controllerManagerFlags, etcdFlags, type Wiring } from './flags.ts';
import { apiServerIsReady, controllersWork, etcdIsHealthy } from './readiness.ts';

/** In the order in which they start; they stop in the opposite one. */
export const componentNames = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const;

/** The processes of one control plane, and its directory. */
export class Components implements ComponentControl {
  readonly #dir: string;
  readonly #components: Readonly<Record<ComponentName, Component>>;

  constructor(wiring: Wiring, tools: Readonly<Record<ComponentName, string>>) {
    const { dir } = wiring.layout;
    const component = (name: ComponentName, flags: readonly string[], ready: () => Promise<boolean>) =>
      new Component({
        command: [tools[name], ...flags],
        env: { PATH: process.env['PATH'], HOME: dir, TMPDIR: dir },
        logPath: wiring.layout.log(name),
        ready,
        readyTimeoutMs: 60_000,
      });
    this.#dir = dir;
    this.#components = {
      etcd: component('etcd', etcdFlags(wiring), () => etcdIsHealthy(wiring)),
      'kube-apiserver': component('kube-apiserver', apiServerFlags(wiring), () => apiServerIsReady(wiring)),
      'kube-controller-manager': component('kube-controller-manager', controllerManagerFlags(wiring), () =>
        controllersWork(wiring),
      ),
    };
    // After the handler of component.ts, which kills what writes there.
    process.once('exit', this.#removeDirectory);
  }

  startComponent(name: ComponentName): Promise<void> {
    return this.#components[name].start();
  }

  stopComponent(name: ComponentName): Promise<void> {
    return this.#components[name].stop();
  }

  async close(): Promise<void> {
    for (const name of componentNames.toReversed()) await this.stopComponent(name);
    process.off('exit', this.#removeDirectory);
    this.#removeDirectory();
  }

  readonly #removeDirectory = (): void => {
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3 });
  };
}
