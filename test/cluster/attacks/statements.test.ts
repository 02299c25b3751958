import { beforeAll, describe, expect, it } from 'vitest';
import { WORKLOAD_KINDS, type WorkloadKind } from '../../../src/lineage/kinds.ts';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { CUSTODY, STAMP } from '../attribution/support/lineage.ts';
import { ALICE } from '../attribution/support/scene.ts';
import { pathOf as podPath, type Stored } from '../attribution/support/store.ts';
import { connect } from '../fixture.ts';
import { objectOf, pathOf } from '../policies/support/workloads.ts';
import { EVE, useArena } from './support/arena.ts';
import { type Attempt, codeOf, namedOn, tokensOn, WRITES } from './support/attempts.ts';

const cluster = connect();

/** A kind as a title shows it, with the kind itself behind it. */
const KINDS = WORKLOAD_KINDS.map((kind) => [kind.kind, kind] as const);
const STAMPED = KINDS.filter(([name]) => name !== 'ControllerRevision');

describe.skipIf(cluster.unavailable)('to plant a statement', () => {
  const arena = useArena(cluster);
  let namespace: string;
  let elsewhere: string;

  beforeAll(async () => {
    [namespace, elsewhere] = await Promise.all([arena.governed(), arena.governed()]);
  });

  async function create(by: Person, kind: WorkloadKind, name: string, annotations = {}, where = namespace) {
    const body = objectOf(kind, name, annotations);
    const answer = await by.api.call<Attempt['body']>('POST', pathOf(kind, where), { body });
    if (answer.status !== 201) throw new Error(`${kind.kind} ${name}: ${answer.body.message}`);
    return answer.body;
  }

  /** What Alice has on an object of hers, which goes again. */
  async function loot(kind: WorkloadKind, name: string) {
    const object = await create(arena.mallory, kind, `${name}-probe`);
    const stolen = await create(arena.scene.alice, kind, name);
    await arena.scene.alice.api.call('DELETE', `${pathOf(kind, namespace)}/${name}?propagationPolicy=Background`);
    const { stamp = '' } = tokensOn(stolen);
    return { object, stamp, planted: { [STAMP]: stamp, [CUSTODY]: stamp } };
  }

  describe.each(STAMPED)('on a %s', (_, kind) => {
    it('under the same name, with the same content, in the place of one that is gone', async () => {
      const { planted } = await loot(kind, 'gone');
      expect(namedOn(arena.scene, await create(arena.eve, kind, 'gone', planted))).toEqual({
        stamp: EVE,
        custody: 'nobody',
      });
    });

    it('under another name, and in another namespace', async () => {
      const { planted } = await loot(kind, 'moved');
      const own = { stamp: EVE, custody: 'nobody' };
      expect(namedOn(arena.scene, await create(arena.eve, kind, 'other', planted))).toEqual(own);
      expect(namedOn(arena.scene, await create(arena.eve, kind, 'moved', planted, elsewhere))).toEqual(own);
    });

    it.each(Object.entries(WRITES))('of one’s own, by %s', async (way, write) => {
      const name = `own-${way.replaceAll(/\W/g, '').toLowerCase().slice(0, 12)}`;
      const { planted } = await loot(kind, name);
      const own = await create(arena.eve, kind, name);
      const path = `${pathOf(kind, namespace)}/${name}`;
      const answer = await write(arena.eve, path, { metadata: { annotations: planted } }, own);
      expect(codeOf(answer)).toBe('done');
      expect(tokensOn(answer.body)).toEqual(tokensOn(own));
    });

    it('on somebody else’s, to be its author, or to leave it without one', async () => {
      const mine = tokensOn(await create(arena.eve, kind, 'mine'));
      const theirs = await create(arena.scene.alice, kind, 'theirs');
      const path = `${pathOf(kind, namespace)}/theirs`;
      for (const stamp of [mine['stamp'], '', null]) {
        const annotations = { [STAMP]: stamp, [CUSTODY]: mine['stamp'] };
        const answer = await arena.eve.api.call<Stored>('PATCH', path, { body: { metadata: { annotations } } });
        expect(tokensOn(answer.body)).toEqual(tokensOn(theirs));
      }
      expect(namedOn(arena.scene, theirs).stamp).toBe(ALICE);
    });

    it('by way of its status', async () => {
      const { object, planted } = await loot(kind, 'status');
      const path = `${pathOf(kind, namespace)}/${object.metadata.name}/status`;
      for (const [way, write] of Object.entries(WRITES)) {
        const answer = await write(arena.mallory, path, { metadata: { annotations: planted } }, object);
        // Of what other projects define, the API server takes no metadata along with the status.
        if (answer.status === 200) expect(tokensOn(answer.body)).toEqual(tokensOn(object));
        else expect({ way, code: codeOf(answer) }).toEqual({ way, code: 'KeyChanged' });
        expect({ way, status: answer.status }).toEqual({ way, status: kind.group.includes('.') ? 200 : 403 });
      }
    });
  });

  it('on a ControllerRevision, which has none of its own', async () => {
    const [, revision] = KINDS.find(([name]) => name === 'ControllerRevision') ?? [];
    const [, deployment] = KINDS.find(([name]) => name === 'Deployment') ?? [];
    if (revision === undefined || deployment === undefined) throw new Error('no such kind');
    const { planted } = await loot(deployment, 'revised');
    const made = await create(arena.mallory, revision, 'rev', planted);
    expect(namedOn(arena.scene, made)).toEqual({ stamp: 'nobody', custody: 'nobody' });
    const path = `${pathOf(revision, namespace)}/rev`;
    const patched = await arena.mallory.api.call<Stored>('PATCH', path, {
      body: { metadata: { annotations: planted } },
    });
    expect(namedOn(arena.scene, patched.body)).toEqual({ stamp: 'nobody', custody: 'nobody' });
  });

  describe('on a Pod', () => {
    let stolen: Stored;
    let own: Stored;
    let planted: Record<string, string>;

    beforeAll(async () => {
      const make = async (by: Person, name: string, annotations = {}) =>
        (await by.api.createPod(namespace, {
          metadata: { name, annotations },
          spec: { containers: [APP] },
        })) as unknown as Stored;
      stolen = await make(arena.scene.alice, 'stolen');
      planted = { [STAMP]: tokensOn(stolen)['stamp'] ?? '', [CUSTODY]: tokensOn(stolen)['stamp'] ?? '' };
      await arena.scene.alice.api.call('DELETE', `${podPath('Pod', namespace, 'stolen')}?gracePeriodSeconds=0`);
      own = await make(arena.eve, 'stolen', planted);
    });

    it('when it is created under the same name', () => {
      expect(namedOn(arena.scene, own)).toEqual({ stamp: EVE, custody: 'nobody' });
    });

    it.each(Object.entries(WRITES))('when it runs, by %s', async (_, write) => {
      const path = podPath('Pod', namespace, 'stolen');
      expect(codeOf(await write(arena.eve, path, { metadata: { annotations: planted } }, own))).toBe('KeyChanged');
      const status = await write(arena.mallory, `${path}/status`, { metadata: { annotations: planted } }, own);
      expect(codeOf(status)).toBe('KeyChanged');
    });

    it.each(['pods/stolen/binding', 'bindings'])('when it is bound to a node, by %s', async (resource) => {
      const body = {
        metadata: { name: 'stolen', annotations: planted },
        target: { kind: 'Node', name: 'somewhere' },
      };
      const answer = await arena.mallory.api.call('POST', `/api/v1/namespaces/${namespace}/${resource}`, { body });
      expect(codeOf(answer)).toBe('KeyChanged');
    });
  });
});
