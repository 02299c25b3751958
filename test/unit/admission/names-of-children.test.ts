import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonObject, sameJson } from '../../../src/json.ts';
import type { Requester } from '../../../src/operator/requester.ts';
import { ALICE, BOB } from '../support/reviews.ts';
import { podOf, template, workload } from '../support/workloads.ts';
import { account, annotation, controller, madeFor, SESSION, withMetadata, World } from '../support/world.ts';

/** People and controllers that write in turn, whatever the order: whoever a child names, somebody submitted that. */

const IMAGES = ['app:1', 'app:2', 'app:3'];

interface Step {
  readonly what: 'submit' | 'relabel' | 'machine' | 'session' | 'plant' | 'sync' | 'edit set' | 'pod' | 'remake';
  readonly who: number;
  readonly image: number;
  readonly set: number;
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    what: fc.constantFrom(
      'submit',
      'relabel',
      'machine',
      'session',
      'plant',
      'sync',
      'sync',
      'edit set',
      'pod',
      'pod',
      'remake',
    ),
    who: fc.nat(1),
    image: fc.nat(2),
    set: fc.nat(2),
  }),
  { minLength: 10, maxLength: 30 },
);

const PEOPLE: readonly Requester[] = [ALICE, BOB];
const NAMES = ['alice', 'bob'];
const DEPLOYMENTS = controller('deployment-controller');
const SETS = controller('replicaset-controller');

/** A pod that came, and what there was behind it at that time. */
interface Born {
  readonly operator: string;
  readonly runs: string;
  /** Whom the statements on its owner name. */
  readonly named: readonly (string | undefined)[];
  /** What people submitted by then, on its owner or on that one's: `name image`. */
  readonly submitted: readonly string[];
}

/** What happened, with nothing but what people did in mind. */
class Play {
  readonly world = new World();
  /** `name image` of all that people submitted on the Deployment, and on each ReplicaSet. */
  readonly #submitted = new Map<string, Set<string>>();
  readonly born: Born[] = [];
  /** The Deployment as it was before its last change. */
  #before: JsonObject | undefined;

  async act({ what, who, image, set }: Step): Promise<void> {
    const by = PEOPLE[who] ?? ALICE;
    const name = NAMES[who] ?? '';
    const [wanted = ''] = IMAGES.slice(image);
    const deployment = this.world.objects.get('deployments/web');
    const child = this.world.objects.get(`replicasets/web-${set}`);
    switch (what) {
      case 'submit':
        return this.#submit('web', deployment, this.#deployment(wanted, deployment), by, name, wanted);
      case 'remake':
        this.world.objects.delete('deployments/web');
        return this.#submit('web', undefined, this.#deployment(wanted, undefined), by, name, wanted);
      case 'relabel':
        if (deployment) {
          const labelled = withMetadata(deployment, { labels: { by: name } });
          await this.#submit('web', deployment, labelled, by, name, imageOf(deployment));
        }
        return;
      case 'machine':
        if (deployment) await this.#try(this.#deployment(wanted, deployment), account('elsewhere', 'ci'));
        return;
      case 'session':
        if (deployment) await this.#try(this.#deployment(wanted, deployment), SESSION);
        return;
      case 'plant':
        // Whatever stands anywhere is sent along on something else.
        for (const target of [deployment, child]) {
          if (target === undefined) continue;
          const loot =
            (child && annotation(child, 'custody')) ?? (deployment && annotation(deployment, 'stamp')) ?? 'x';
          const keys = { 'countersign.dev/stamp': loot, 'countersign.dev/custody': loot };
          const on = target === deployment ? 'web' : `web-${set}`;
          await this.#submit(on, target, withMetadata(target, { annotations: keys }), by, name, imageOf(target));
        }
        return;
      case 'sync':
        // Also from a copy of a while ago.
        if (deployment) {
          const seen = child === undefined && who === 1 ? (this.#before ?? deployment) : deployment;
          await this.#try(this.#setOf(seen, `web-${set}`, child), DEPLOYMENTS);
        }
        return;
      case 'edit set':
        if (child) {
          const edited = { ...child, spec: { ...(child['spec'] as JsonObject), template: template(wanted) } };
          await this.#submit(`web-${set}`, child, edited, by, name, wanted);
        }
        return;
      case 'pod':
        // Mostly what the controller would make; also what it would not.
        if (child) await this.#pod(child, image === 0 ? wanted : imageOf(child));
    }
  }

  #deployment(image: string, present: JsonObject | undefined): JsonObject {
    const made = workload('apps/v1', 'Deployment', 'web', { template: template(image) });
    return present === undefined ? made : { ...present, spec: made['spec'] };
  }

  /**
   * The ReplicaSet that the controller makes; or the annotations that it copies onto the one that is there, which it does
   * where the templates are the same.
   */
  #setOf(deployment: JsonObject, name: string, present: JsonObject | undefined): JsonObject {
    const { annotations = {} } = deployment['metadata'] as { annotations?: JsonObject };
    const { template: wanted } = deployment['spec'] as { template: JsonObject };
    if (present !== undefined) {
      if (!sameJson((present['spec'] as JsonObject)['template'], wanted)) return present;
      const own = (present['metadata'] as { annotations?: JsonObject }).annotations;
      return withMetadata(present, { annotations: { ...own, ...annotations } });
    }
    return workload('apps/v1', 'ReplicaSet', name, { template: wanted }, { ...madeFor(deployment), annotations });
  }

  async #submit(
    on: string,
    old: JsonObject | undefined,
    object: JsonObject,
    by: Requester,
    name: string,
    image: string,
  ): Promise<void> {
    const done = await this.#try(object, by);
    // Whoever touches what nobody stands behind has submitted it too.
    if (done === undefined || annotation(done, 'stamp') === (old && annotation(old, 'stamp'))) return;
    if (on === 'web') this.#before = old;
    const all = this.#submitted.get(on) ?? new Set();
    this.#submitted.set(on, all.add(`${name} ${image}`));
  }

  async #pod(set: JsonObject, image: string): Promise<void> {
    const pod = await this.#try(podOf(image, madeFor(set)), SETS);
    if (pod === undefined) return;
    const { containers } = pod['spec'] as { containers: { image: string; env: { name: string; value: string }[] }[] };
    const operator = containers[0]?.env.find(({ name }) => name === 'FAB_OPERATOR')?.value ?? 'nobody';
    const { name } = set['metadata'] as { name: string };
    this.born.push({
      operator,
      runs: `${operator} ${containers[0]?.image}`,
      named: [this.world.claims(set, 'custody')?.op, this.world.claims(set, 'stamp')?.op],
      submitted: [...(this.#submitted.get('web') ?? []), ...(this.#submitted.get(name) ?? [])],
    });
  }

  /** What is stored, or undefined when it was refused. */
  async #try(object: JsonObject, by: Requester): Promise<JsonObject | undefined> {
    try {
      return await this.world.write(object, by);
    } catch {
      return undefined;
    }
  }
}

function imageOf(set: JsonObject): string {
  const { template: own } = set['spec'] as { template: { spec: { containers: { image: string }[] } } };
  return own.spec.containers[0]?.image ?? '';
}

describe('whatever people and controllers write, in whatever order', () => {
  it('no child names an operator whom its owner’s statement does not, nor one who never submitted what it runs', async () => {
    let pods = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const play = new Play();
        for (const step of all) await play.act(step);
        pods += play.born.length;
        for (const { operator, runs, named, submitted } of play.born) {
          expect(named).toContain(operator);
          expect(submitted).toContain(runs);
        }
      }),
      { numRuns: 1_000 },
    );
    // Otherwise nothing was shown.
    expect(pods).toBeGreaterThan(100);
  });
});
