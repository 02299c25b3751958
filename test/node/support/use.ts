import { afterAll, beforeAll } from 'vitest';
import { Countersign } from '../../cluster/admission/support/countersign.ts';
import type { TestNode } from '../fixture.ts';

/** Countersign for the tests of one `describe`, with an image that the node has. */
export function useCountersign(testNode: TestNode): Countersign {
  const countersign = new Countersign(testNode.cluster);
  beforeAll(() => countersign.start({ sessionImage: testNode.node.images.session }));
  afterAll(() => countersign.stop());
  return countersign;
}
