import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../src/json.ts';
import { WORKLOAD_KINDS, type WorkloadKind } from '../../../src/lineage/kinds.ts';
import { check, type Holder, holderOf } from '../../../src/lineage/standing.ts';
import type { UnsignedClaims } from '../../../src/stamp/claims.ts';
import { signStamp } from '../../../src/stamp/jws.ts';
import { claims, newKeys } from '../support/stamps.ts';
import { changed, dropped, leavesOf, templates } from '../support/templates.ts';

const { keys } = newKeys();

/** A place where a stamp may be looked at. */
interface Place {
  readonly cluster: string;
  readonly namespace: string;
  readonly since: string;
  readonly type: 'stamp' | 'custody' | 'pod';
  readonly holder: Holder & { readonly digest: string };
}

/** Few values, so that places often differ in one thing alone, also in what only looks like the same. */
const text = fc.constantFrom('a', 'b', 'ab', 'A', 'a ', 'а', '');
const named = fc.constantFrom('web', 'web-', 'web-1', 'Web');
const place: fc.Arbitrary<Place> = fc.record({
  cluster: text,
  namespace: text,
  since: fc.constantFrom('2026-07-01T00:00:00Z', '2026-07-01T00:00:00.000Z', '2026-08-01T00:00:00Z'),
  type: fc.constantFrom('stamp', 'custody', 'pod'),
  holder: fc.record({
    group: fc.constantFrom('apps', 'batch', ''),
    kind: fc.constantFrom('Deployment', 'ReplicaSet', 'Job', 'Pod'),
    name: fc.oneof(named, fc.constant('')),
    generateName: named,
    digest: text,
  }),
});

function stampFor({ cluster, namespace, since, type, holder }: Place): string {
  const { group, kind, name, generateName, digest } = holder;
  const about: UnsignedClaims = claims({
    typ: type,
    ns: namespace,
    gov: since,
    holder: { group, kind, ...(name === '' ? { generateName } : { name }) },
    dig: digest,
  });
  return signStamp(about, keys, cluster === '' ? '-' : cluster, 0);
}

function standsAt(token: string, { cluster, namespace, since, type, holder }: Place): boolean {
  return (
    check(token, type, holder, { cluster: cluster === '' ? '-' : cluster, namespace, since, keys }).kind === 'stands'
  );
}

describe('a stamp', () => {
  it('stands where it was signed for', () => {
    expect(() => fc.assert(fc.property(place, (here) => standsAt(stampFor(here), here)))).not.toThrow();
  });

  it('stands nowhere else: in no other cluster, namespace, governance, and on no other kind, name or template', () => {
    fc.assert(
      fc.property(place, place, (here, there) => {
        // A holder without a name yet keeps what its name begins with.
        const [one, other] = [here, there].map(({ holder: { name, generateName, ...rest }, ...at }) => ({
          ...at,
          ...rest,
          is: here.holder.name === '' ? ['begins', generateName] : ['is', name],
        }));
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(standsAt(stampFor(here), there)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('stands nowhere else when one thing alone differs', () => {
    fc.assert(
      fc.property(place, place, fc.constantFrom('cluster', 'namespace', 'since', 'type'), (here, there, key) => {
        const moved = { ...here, [key]: there[key] };
        expect(standsAt(stampFor(here), moved)).toBe(here[key] === there[key]);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(place, place, fc.constantFrom('group', 'kind', 'digest'), (here, there, key) => {
        const moved = { ...here, holder: { ...here.holder, [key]: there.holder[key] } };
        expect(standsAt(stampFor(here), moved)).toBe(here.holder[key] === there.holder[key]);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what a workload’s digest covers', () => {
  const templated = WORKLOAD_KINDS.flatMap((kind) =>
    kind.covers.by === 'template' ? [[kind.kind, kind] as const] : [],
  );

  it.each(templated)('%s: each leaf of the pod spec, with another value or without it', (_, kind) => {
    fc.assert(
      fc.property(templates, fc.nat(), (spec, pick) => {
        const leaves = leavesOf(spec);
        const path = leaves[pick % leaves.length] ?? [];
        const whole = digest(kind, spec);
        expect(whole).toBeDefined();
        expect(digest(kind, changed(spec, path))).not.toBe(whole);
        expect(digest(kind, dropped(spec, path))).not.toBe(whole);
      }),
      { numRuns: 300 },
    );
  });

  function digest(kind: WorkloadKind, spec: JsonObject): string | undefined {
    if (kind.covers.by !== 'template') throw new Error(`${kind.kind} has no template`);
    const wrap = (inner: Json, step: string): Json => (step === '*' ? [inner] : { [step]: inner });
    const object = kind.covers.path.reduceRight(wrap, { spec } as Json);
    return holderOf({ ...(object as JsonObject), metadata: { name: 'x' } }, kind).digest;
  }
});
