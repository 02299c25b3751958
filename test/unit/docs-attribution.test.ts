import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../src/admission/verdict.ts';
import type { JsonObject } from '../../src/json.ts';
import { WORKLOAD_KINDS } from '../../src/lineage/kinds.ts';
import { ANNOTATION } from '../../src/names.ts';
import type { Requester } from '../../src/operator/requester.ts';
import { stampSchema } from '../../src/stamp/claims.ts';
import { ALICE, BOB } from './support/reviews.ts';
import { deployment, podOf, template, workload } from './support/workloads.ts';
import { account, controller, madeFor, SESSION, withMetadata, World } from './support/world.ts';

/** The tables of docs/attribution.md are what the engine does: each cell of them is tried. */

const text = readFileSync(join(import.meta.dirname, '../../docs/attribution.md'), 'utf8');

/** The rows of the table that begins with a heading cell, without that heading. */
function table(heading: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  if (start < 0) throw new Error(`there is no table "${heading}"`);
  const end = lines.indexOf('', start);
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(2, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

const codesIn = (cell = ''): string[] => [...cell.matchAll(/`([A-Z][A-Za-z]+)`/g)].map(([, code = '']) => code);
const words = (cell = ''): string[] => [...cell.matchAll(/[\w.*/-]+/g)].map(([word]) => word);

const BOT = account('bots', 'bot');
const QUEUE = account('kueue-system', 'kueue');
const SPEC = {
  delegators: [{ name: 'bot', match: { username: BOT.username }, operators: ['[a-z]+'] }],
  adjusters: [{ name: 'kueue', username: QUEUE.username, fields: ['spec.nodeSelector'] }],
};

interface Scenario {
  readonly requester: Requester;
  /** Who makes pods, where that is another one. */
  readonly podMaker?: Requester;
  readonly annotations?: JsonObject;
  /** A change within what the requester may change. */
  readonly allowed?: JsonObject;
  /** What is written is a ReplicaSet of a Deployment with this much behind it. */
  readonly owner?: 'stamped' | 'bare';
}

const CARRIERS = {
  requester: controller('deployment-controller'),
  podMaker: controller('replicaset-controller'),
};

const WHO: Readonly<Record<string, Scenario>> = {
  human: { requester: BOB },
  'delegator that names somebody': { requester: BOT, annotations: { [ANNOTATION.onBehalfOf]: 'dave' } },
  'delegator that names nobody': { requester: BOT },
  'carrier, for a stamped owner': { ...CARRIERS, owner: 'stamped' },
  'carrier, for an owner without stamp': { ...CARRIERS, owner: 'bare' },
  adjuster: { requester: QUEUE, allowed: template('app:1', { nodeSelector: { pool: 'a' } }) },
  'service account of the namespace': { requester: account('agents', 'ci') },
  'other machine': { requester: account('ci', 'ci') },
  'running session': { requester: SESSION },
  'human whom no rule knows': { requester: { ...ALICE, username: 'carol' } },
  'who asks to restamp, and may': {
    requester: BOB,
    annotations: { [ANNOTATION.restamp]: '{"operator":"dave","reason":"the key was lost"}' },
  },
};

/** A namespace with a workload in it, written by Alice or by a controller for her. */
async function prepared({ owner }: Scenario) {
  const world = new World(SPEC);
  world.restampers.add(BOB.username);
  const put = async (object: JsonObject, by: Requester): Promise<JsonObject> =>
    owner === 'bare' ? world.store(object) : await world.write(object, by);
  const parent = await put(deployment(), ALICE);
  const { annotations = {} } = parent['metadata'] as { annotations?: JsonObject };
  const child = (name: string, image: string): JsonObject =>
    workload('apps/v1', 'ReplicaSet', name, { template: template(image) }, { ...madeFor(parent), annotations });
  const stored = owner === undefined ? parent : await put(child('web-1', 'app:1'), CARRIERS.requester);
  return { world, parent, stored, child };
}

/** The code of the decision. */
async function tried(
  world: World,
  operation: 'CREATE' | 'UPDATE',
  object: JsonObject,
  { requester, annotations }: Scenario,
) {
  const { annotations: present = {} } = object['metadata'] as { annotations?: JsonObject };
  const written = withMetadata(object, { annotations: { ...present, ...annotations } });
  return codeOf(await world.decide(world.review(operation, written, requester)));
}

function withTemplate(object: JsonObject, changed: JsonObject): JsonObject {
  return { ...object, spec: { ...(object['spec'] as JsonObject), template: changed } };
}

describe('who is asked when', () => {
  const created = table('who | creates a workload');
  const changed = table("who | changes a template's pod spec");
  const row = (rows: readonly string[][], who: string): string[] => rows.find(([name]) => name === who) ?? [];

  it('has these rows', () => {
    expect(created.map(([who]) => who)).toEqual(Object.keys(WHO));
    expect(changed.map(([who]) => who)).toEqual(Object.keys(WHO));
  });

  it.each(Object.entries(WHO))('%s creates a workload', async (who, scenario) => {
    const { world, child } = await prepared(scenario);
    const made = scenario.owner === undefined ? withMetadata(deployment(), { name: 'next' }) : child('next', 'app:1');
    expect([await tried(world, 'CREATE', made, scenario)]).toEqual(codesIn(row(created, who)[1]));
  });

  it.each(Object.entries(WHO).filter(([who]) => codesIn(row(created, who)[2]).length > 0))(
    '%s creates a pod',
    async (who, scenario) => {
      const { world, stored } = await prepared(scenario);
      const pod = podOf('app:1', scenario.owner === undefined ? {} : madeFor(stored));
      const maker = { ...scenario, requester: scenario.podMaker ?? scenario.requester };
      expect([await tried(world, 'CREATE', pod, maker)]).toEqual(codesIn(row(created, who)[2]));
    },
  );

  it.each(Object.entries(WHO))('%s changes a template', async (who, scenario) => {
    const { world, parent, stored } = await prepared(scenario);
    const labelled = withTemplate(stored, { ...template(), metadata: { labels: { app: 'agent', other: 'label' } } });
    expect([await tried(world, 'UPDATE', labelled, scenario)]).toEqual(codesIn(row(changed, who)[2]));
    const codes: string[] = [];
    if (scenario.allowed !== undefined) {
      codes.push(await tried(world, 'UPDATE', withTemplate(stored, scenario.allowed), scenario));
    }
    if (scenario.owner === 'stamped') await world.write(withTemplate(parent, template('app:2')), BOB);
    codes.push(await tried(world, 'UPDATE', withTemplate(stored, template('app:2')), scenario));
    expect(codes).toEqual(codesIn(row(changed, who)[1]));
  });

  it.each(Object.entries(WHO))('%s changes anything else', async (who, scenario) => {
    const { world, stored } = await prepared(scenario);
    const other = withMetadata(stored, { labels: { other: 'label' } });
    expect([await tried(world, 'UPDATE', other, scenario)]).toEqual(codesIn(row(changed, who)[3]));
  });
});

describe('ways into running pods', () => {
  const INSIDE: Readonly<Record<string, Requester>> = {
    'the operator': ALICE,
    'anybody else': BOB,
    'a running session': SESSION,
  };
  const rows = table('who | `exec`, `attach`, `port-forward`, ephemeral containers');

  it.each(rows.filter(([who = '']) => Object.hasOwn(INSIDE, who)))('%s', async (who = '', elsewhere, inside) => {
    const world = new World(SPEC);
    await world.write(withMetadata(podOf('app:1', {}), { name: 'agent' }));
    const requester = INSIDE[who] ?? ALICE;
    const enter = async (container: string): Promise<string> => {
      const options = { kind: 'PodExecOptions', container, metadata: { name: 'agent' } };
      const review = { ...world.review('CREATE', options, requester), operation: 'CONNECT', subResource: 'exec' };
      return codeOf(await world.guard({ ...review, resource: { group: '', version: 'v1', resource: 'pods' } }));
    };
    expect([await enter('app'), await enter('countersign')]).toEqual([codesIn(elsewhere)[0], codesIn(inside)[0]]);
  });

  it('are all tried but that of who may break glass, whom the guard is not asked about', () => {
    expect(rows.map(([who]) => who)).toEqual([...Object.keys(INSIDE), 'who has the verb `break-glass`']);
  });
});

describe('each kind', () => {
  const rows = table('kind | what its stamp covers');

  it('is there, in the order of the code', () => {
    expect(rows.map(([kind = '']) => kind.replaceAll('`', ''))).toEqual([
      'Pod',
      ...WORKLOAD_KINDS.map(({ kind }) => kind),
    ]);
  });

  it.each(WORKLOAD_KINDS)(
    'says what the stamp of $kind covers, and what is made for it',
    ({ kind, covers, children }) => {
      const [, covered, made] = rows.find(([name]) => name === `\`${kind}\``) ?? [];
      expect(words(made)).toEqual(children.map((child) => child.kind));
      if (covers.by === 'template') expect(words(covered)).toContain(covers.path.join('.'));
      if (covers.by !== 'fields') return;
      const listed = covers.paths.length === 1 ? words(covered) : words(text.slice(text.indexOf('An AgentRun has no')));
      const below = covers.paths.length === 1 ? 0 : 1;
      expect(
        covers.paths.filter((path) => !listed.some((word) => word.replace(/\.$/, '') === path.slice(below).join('.'))),
      ).toEqual([]);
    },
  );
});

describe('what is on an object', () => {
  it('has every annotation of Countersign', () => {
    const own = Object.values(ANNOTATION).filter((key) => key.startsWith('countersign.dev/'));
    expect(
      table('annotation')
        .map(([key = '']) => key.replaceAll('`', ''))
        .toSorted(),
    ).toEqual(own.toSorted());
  });

  it('has every claim of a statement', () => {
    const said = table('claim').flatMap(([names]) => words(names));
    expect(said.toSorted()).toEqual(Object.keys(stampSchema.shape).toSorted());
  });
});
