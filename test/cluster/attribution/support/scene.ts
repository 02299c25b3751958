import { beforeAll } from 'vitest';
import { LABEL } from '../../../../src/names.ts';
import { type Countersign, type GovernedOptions, STAFF } from '../../admission/support/countersign.ts';
import type { Person } from '../../admission/support/person.ts';
import { podWith } from '../../admission/support/pods.ts';
import { useCountersign } from '../../admission/support/use.ts';
import type { TestCluster } from '../../fixture.ts';
import { until } from '../../until.ts';
import type { Verifier } from './lineage.ts';
import { Store } from './store.ts';
import type { Manifest } from './workloads.ts';

export const ALICE = 'alice@acme.com';
export const BOB = 'bob@acme.com';

/** Countersign, a policy that knows everybody at acme.com, and two of them. */
export class Scene implements Verifier {
  readonly countersign: Countersign;
  #cast: Cast | undefined;

  constructor(countersign: Countersign) {
    this.countersign = countersign;
  }

  /** Countersign runs already. @param spec what the policy says besides who is an operator */
  async set(spec: object): Promise<void> {
    const policy = await this.countersign.newPolicy({ operators: [STAFF], ...spec });
    const [alice, bob] = await Promise.all([this.countersign.person(ALICE), this.countersign.person(BOB)]);
    this.#cast = { policy, alice, bob, store: new Store(this.countersign.admin) };
  }

  get keys(): Verifier['keys'] {
    return this.countersign.process.stampKeys;
  }

  get store(): Store {
    return this.#known.store;
  }

  get alice(): Person {
    return this.#known.alice;
  }

  get bob(): Person {
    return this.#known.bob;
  }

  /** A new namespace under the policy, in which everybody may edit. */
  governed(options: GovernedOptions = {}): Promise<string> {
    return this.countersign.governedNamespace(this.#known.policy, options);
  }

  /** The same without a policy. */
  ungoverned(): Promise<string> {
    return this.countersign.namespace();
  }

  /** Puts a namespace that was not governed under the policy, and waits until the API server acts upon it. */
  async govern(namespace: string): Promise<void> {
    const { policy } = this.#known;
    await this.countersign.label(namespace, { [LABEL.policy]: policy, [LABEL.podSecurityEnforce]: 'baseline' });
    await until(`pods in ${namespace} are reviewed`, async () => {
      // The administrator is nobody's operator.
      const { status } = await this.countersign.admin.postPod(namespace, podWith(), { dryRun: true });
      return status === 403;
    });
  }

  /** Somebody with the token of a service account whose name and namespace a policy knows beforehand. */
  async account(namespace: string, name: string): Promise<Person> {
    const body = { metadata: { name: namespace } };
    const answer = await this.countersign.admin.call('POST', '/api/v1/namespaces', { body });
    if (![201, 409].includes(answer.status)) throw new Error(`namespace ${namespace}: ${answer.body.message}`);
    return this.countersign.serviceAccount(namespace, name);
  }

  get #known(): Cast {
    if (this.#cast === undefined) throw new Error('the scene is not set yet');
    return this.#cast;
  }
}

interface Cast {
  readonly policy: string;
  readonly alice: Person;
  readonly bob: Person;
  readonly store: Store;
}

/** Sets the scene for the tests of one `describe`. */
export function useScene(cluster: TestCluster, spec: object = {}): Scene {
  const scene = new Scene(useCountersign(cluster));
  beforeAll(() => scene.set(spec));
  return scene;
}

/** Runs kubectl in a namespace and returns what it prints; fails when it fails, or the API server warns of anything. */
export async function kubectl(person: Person, namespace: string, args: readonly string[], stdin = ''): Promise<string> {
  const { status, stdout, stderr } = await person.kubectl(['-n', namespace, ...args], stdin);
  const warnings = stderr.replaceAll(OWN_WARNING, '');
  if (status !== 0 || warnings !== '') throw new Error(`kubectl ${args.join(' ')}: ${status} ${stderr}`);
  return stdout;
}

/** What kubectl itself warns of when somebody undoes what was applied. */
const OWN_WARNING = /^Warning: resource \S+ was previously managed with 'kubectl apply'\. .*\n/gm;

/** `kubectl apply`, as people do it. */
export function apply(person: Person, namespace: string, manifest: Manifest, ...flags: string[]): Promise<string> {
  return kubectl(person, namespace, ['apply', '-f', '-', ...flags], JSON.stringify(manifest));
}

/** What Countersign says to somebody whose kubectl it refuses, from the code on; fails when it did not. */
export async function refused(
  person: Person,
  namespace: string,
  args: readonly string[],
  manifest?: object,
): Promise<string> {
  const stdin = manifest === undefined ? '' : JSON.stringify(manifest);
  const { status, stderr } = await person.kubectl(['-n', namespace, ...args], stdin);
  const [, message] = DENIED.exec(stderr) ?? [];
  if (status === 0 || message === undefined) throw new Error(`not refused by Countersign: ${status} ${stderr}`);
  return message;
}

const DENIED = /admission webhook "[a-z.-]*countersign\.dev" denied the request: (.+)\n$/;
