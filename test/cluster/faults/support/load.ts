import type { Person } from '../../admission/support/person.ts';
import { podWith } from '../../admission/support/pods.ts';
import { pathOf } from '../../attribution/support/store.ts';
import { workload } from '../../attribution/support/workloads.ts';
import { until } from '../../until.ts';

export interface Made {
  readonly jobs: readonly string[];
  /** What was said no to. */
  readonly refusals: readonly string[];
}

/** Somebody who creates pods and workloads all the time, so that whatever happens happens between two of them. */
export class Load {
  readonly #person: Person;
  readonly #namespace: string;
  readonly #jobs: string[] = [];
  readonly #refusals: string[] = [];
  #rounds = 0;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(person: Person, namespace: string) {
    this.#person = person;
    this.#namespace = namespace;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when so many more rounds are over. */
  async rounds(count: number): Promise<void> {
    const enough = this.#rounds + count;
    await until(`${count} more rounds`, () => this.#rounds >= enough, { timeoutMs: 60_000, everyMs: 20 });
  }

  async stop(): Promise<Made> {
    this.#stopped = true;
    await this.#running;
    return { jobs: this.#jobs, refusals: this.#refusals };
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const job = `load-${this.#jobs.length + 1}`;
      const answers = await Promise.all([
        this.#person.api.call('POST', pathOf('Job', this.#namespace), { body: workload('Job', job) }),
        this.#person.api.postPod(this.#namespace, podWith(), { dryRun: true }),
      ]);
      this.#jobs.push(job);
      for (const { status, body } of answers) if (status !== 201) this.#refusals.push(body.message ?? `${status}`);
      this.#rounds += 1;
    }
  }
}
