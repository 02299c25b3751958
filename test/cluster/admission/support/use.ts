import { afterAll, beforeAll } from 'vitest';
import type { TestCluster } from '../../fixture.ts';
import { Countersign } from './countersign.ts';

/** Countersign for the tests of one `describe`; it is gone afterwards, also when they or its start fail. */
export function useCountersign(cluster: TestCluster): Countersign {
  const countersign = new Countersign(cluster);
  beforeAll(() => countersign.start());
  afterAll(() => countersign.stop());
  return countersign;
}
