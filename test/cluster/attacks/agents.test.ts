import { beforeAll, describe, expect, it } from 'vitest';
import { WORKLOAD_KINDS } from '../../../src/lineage/kinds.ts';
import type { Person } from '../admission/support/person.ts';
import { ALICE } from '../attribution/support/scene.ts';
import type { Stored } from '../attribution/support/store.ts';
import { connect } from '../fixture.ts';
import { objectOf, pathOf } from '../policies/support/workloads.ts';
import { EVE, PLATFORM, useArena } from './support/arena.ts';
import { codeOf, namedOn, tokensOn } from './support/attempts.ts';

const cluster = connect();

/** A change to each that its digest does not cover. */
const UNCOVERED: Readonly<Record<string, object>> = {
  AgentRun: { timeout: '99h', env: [{ name: 'PROMPT', value: 'evil' }] },
  SandboxClaim: { env: [{ name: 'PROMPT', value: 'evil' }] },
  Sandbox: { volumeClaimTemplates: [{ metadata: { name: 'tools' } }] },
};
const KINDS = WORKLOAD_KINDS.filter(({ kind }) => kind in UNCOVERED).map((kind) => [kind.kind, kind] as const);

describe.skipIf(cluster.unavailable)('what agents are made of by other projects', () => {
  const arena = useArena(cluster);
  let namespace: string;
  let accounts: Readonly<Record<string, Person>>;

  beforeAll(async () => {
    namespace = await arena.governed();
    const people = ['agent-sandbox', 'sympozium', 'jobset', 'stranger'].map(
      async (name) => [name, await arena.scene.account(PLATFORM, name)] as const,
    );
    accounts = Object.fromEntries(await Promise.all(people));
  });

  const call = (by: Person, method: string, path: string, body: object, headers = {}) =>
    by.api.call<Stored & { message?: string }>(method, path, { body, headers });

  describe.each(KINDS)('a %s', (name, kind) => {
    const at = (): string => `${pathOf(kind, namespace)}/theirs`;

    beforeAll(async () => {
      await call(arena.scene.alice, 'POST', pathOf(kind, namespace), objectOf(kind, 'theirs'));
    });

    it('is of whoever submits it', async () => {
      const { body } = await arena.scene.alice.api.call<Stored>('GET', at());
      expect(namedOn(arena.scene, body)).toEqual({ stamp: ALICE, custody: 'nobody' });
    });

    it('whose other fields a machine changes is refused to it', async () => {
      const body = { spec: UNCOVERED[name] };
      expect(codeOf(await call(accounts['stranger'] ?? arena.eve, 'PATCH', at(), body))).toBe('TemplateChanged');
      const here = { 'impersonate-user': `system:serviceaccount:${namespace}:default` };
      expect(codeOf(await call(arena.eve, 'PATCH', at(), body, here))).toBe('TemplateChanged');
    });

    it('is given statements by nobody, not by its controller either', async () => {
      const before = tokensOn((await arena.scene.countersign.admin.call<Stored>('GET', at())).body);
      for (const account of Object.values(accounts)) {
        const annotations = { 'countersign.dev/stamp': 'a.b.c', 'countersign.dev/custody': 'a.b.c' };
        await call(account, 'PATCH', at(), { metadata: { annotations } });
      }
      expect(tokensOn((await arena.scene.countersign.admin.call<Stored>('GET', at())).body)).toEqual(before);
    });

    it('whose other fields a human changes is theirs', async () => {
      const changed = await call(arena.eve, 'PATCH', at(), { spec: UNCOVERED[name] });
      expect(namedOn(arena.scene, changed.body)).toEqual({ stamp: EVE, custody: 'nobody' });
    });
  });

  describe('a child', () => {
    const [run, claim, sandbox, job] = ['AgentRun', 'SandboxClaim', 'Sandbox', 'Job'].map((wanted) => {
      const found = WORKLOAD_KINDS.find(({ kind }) => kind === wanted);
      if (found === undefined) throw new Error(`no kind ${wanted}`);
      return found;
    }) as [
      (typeof WORKLOAD_KINDS)[0],
      (typeof WORKLOAD_KINDS)[0],
      (typeof WORKLOAD_KINDS)[0],
      (typeof WORKLOAD_KINDS)[0],
    ];

    async function childOf(owner: Stored, kind: (typeof WORKLOAD_KINDS)[0], by: Person, name: string) {
      const { apiVersion, metadata } = owner;
      const ownerReferences = [
        { apiVersion, kind: owner.kind, name: metadata.name, uid: metadata.uid, controller: true },
      ];
      const child = objectOf(kind, name) as { metadata: object };
      return call(by, 'POST', pathOf(kind, namespace), { ...child, metadata: { ...child.metadata, ownerReferences } });
    }

    it('is made by its carrier alone, for its kind of owner alone', async () => {
      const owner = (await call(arena.scene.alice, 'POST', pathOf(run, namespace), objectOf(run, 'parent'))).body;
      const { sympozium, stranger, 'agent-sandbox': sandboxes } = accounts as Record<string, Person>;
      expect(namedOn(arena.scene, (await childOf(owner, job, sympozium as Person, 'right')).body).custody).toBe(ALICE);
      expect(codeOf(await childOf(owner, job, stranger as Person, 'wrong'))).toBe('ControllerNotAttributed');
      expect(codeOf(await childOf(owner, sandbox, sandboxes as Person, 'wrong'))).toBe('ControllerNotAttributed');
      const cuckoo = await childOf(owner, job, arena.eve, 'cuckoo');
      expect(namedOn(arena.scene, cuckoo.body)).toEqual({ stamp: EVE, custody: 'nobody' });
    });

    it('is not made for an owner of another uid', async () => {
      const owner = (await call(arena.scene.alice, 'POST', pathOf(claim, namespace), objectOf(claim, 'gone'))).body;
      await arena.scene.countersign.admin.call('DELETE', `${pathOf(claim, namespace)}/gone`);
      await call(arena.eve, 'POST', pathOf(claim, namespace), objectOf(claim, 'gone'));
      const { 'agent-sandbox': sandboxes } = accounts as Record<string, Person>;
      expect(codeOf(await childOf(owner, sandbox, sandboxes as Person, 'late'))).toBe('OwnerMissing');
    });

    it('that somebody else changes is theirs, and custody of it goes', async () => {
      const owner = (await call(arena.scene.alice, 'POST', pathOf(claim, namespace), objectOf(claim, 'claimed'))).body;
      const { 'agent-sandbox': sandboxes } = accounts as Record<string, Person>;
      const made = await childOf(owner, sandbox, sandboxes as Person, 'claimed');
      expect(namedOn(arena.scene, made.body).custody).toBe(ALICE);
      const containers = [{ name: 'app', image: 'evil:1' }];
      const change = { spec: { podTemplate: { spec: { containers } } } };
      const path = `${pathOf(sandbox, namespace)}/claimed`;
      expect(codeOf(await call(accounts['stranger'] ?? arena.eve, 'PATCH', path, change))).toBe('TemplateChanged');
      expect(namedOn(arena.scene, (await call(arena.eve, 'PATCH', path, change)).body)).toEqual({
        stamp: EVE,
        custody: 'nobody',
      });
    });
  });
});
