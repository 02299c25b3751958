import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../fixture.ts';
import { expectAttributed } from './support/attributed.ts';
import { STAFF } from './support/countersign.ts';
import { hostilePods } from './support/hostile-pods.ts';
import type { Person } from './support/person.ts';
import { copyOf } from './support/pods.ts';
import { useCountersign } from './support/use.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('whatever pod somebody makes up', () => {
  const countersign = useCountersign(cluster);
  let namespace: string;
  let bob: Person;

  beforeAll(async () => {
    namespace = await countersign.governedNamespace(await countersign.newPolicy({ operators: [STAFF] }));
    bob = await countersign.person('bob@acme.com');
  });

  it('is refused, or is the author’s own session with no other credential, and stays that when it comes again', async () => {
    let admitted = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(hostilePods, async (pod) => {
        const { status, body } = await bob.api.postPod(namespace, pod, { dryRun: true });
        // 403 by Countersign, 422 by the API server; anything else would be a fault, also one that refuses.
        expect([201, 403, 422]).toContain(status);
        if (status !== 201) {
          refused += 1;
          return;
        }
        admitted += 1;
        expectAttributed(body, 'bob@acme.com');
        const again = await bob.api.createPod(namespace, copyOf(body), { dryRun: true });
        expect(again.spec).toEqual(body.spec);
      }),
      { numRuns: 200 },
    );
    // Otherwise the pods made up here show nothing.
    expect(Math.min(admitted, refused)).toBeGreaterThan(20);
  });
});
