import { describe, expect, it } from 'vitest';
import { findKind, WORKLOAD_KINDS } from '../../../src/lineage/kinds.ts';
import { check, holderOf } from '../../../src/lineage/standing.ts';
import type { UnsignedClaims } from '../../../src/stamp/claims.ts';
import { claims, claimsAbout, newKeys, sign, workload } from '../support/stamps.ts';

const { keys } = newKeys();
const scene = { cluster: 'cluster', namespace: 'agents', since: claims().gov, keys };
const deployment = workload('apps/v1', 'Deployment', 'web');
const kind = findKind(WORKLOAD_KINDS, { group: 'apps', kind: 'Deployment' });
if (kind === undefined) throw new Error('there are no Deployments');
const named = holderOf(deployment, kind);

function standing(holder: Partial<UnsignedClaims['holder']>, of = named): string {
  const about = claimsAbout(deployment, { holder: { group: 'apps', kind: 'Deployment', ...holder } });
  return check(sign(about, keys), 'stamp', of, scene).kind;
}

describe('a stamp stands on', () => {
  it('the object of its name', () => {
    expect(standing({ name: 'web' })).toBe('stands');
    expect(standing({ name: 'web-2' })).toBe('nobody');
  });

  it('an object that got its name from what the stamp says', () => {
    const generated = { ...named, name: 'web-x7k2p', generateName: 'web-' };
    expect(standing({ generateName: 'web-' }, generated)).toBe('stands');
    expect(standing({ generateName: 'we' }, generated)).toBe('nobody');
  });

  it('nothing when it names nothing, as one that was made for an object without a name', () => {
    for (const holder of [{}, { generateName: '' }, { name: '' }, { name: '', generateName: '' }]) {
      expect(standing(holder)).toBe('nobody');
    }
  });
});
