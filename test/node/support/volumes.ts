import { runOnMachine } from '../rig/machine.ts';
import type { TestNode } from '../fixture.ts';

/** A pod's memory volumes as the node's root sees them, where no container stands in between. */
export class Volumes {
  readonly #node: TestNode['node'];
  readonly #path: string;

  constructor({ node }: TestNode, uid: string) {
    this.#node = node;
    this.#path = `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~empty-dir`;
  }

  /** The files of a volume by path; directories are left out. */
  files(volume: string): Readonly<Record<string, string>> {
    const list = this.run('find', `${this.#path}/${volume}`, '-type', 'f').trim().split('\n');
    const paths = list.filter((path) => path !== '');
    return Object.fromEntries(
      paths.map((path) => [path.slice(`${this.#path}/${volume}/`.length), this.run('cat', path)]),
    );
  }

  /** Leaves no byte free. */
  fill(volume: string): void {
    this.run('sh', '-c', `cat /dev/zero > ${this.#path}/${volume}/filler || true`);
  }

  private run(...command: readonly string[]): string {
    return runOnMachine(this.#node.machine, command);
  }
}
