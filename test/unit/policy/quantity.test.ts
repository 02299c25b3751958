import { describe, expect, it } from 'vitest';
import { canonicalQuantity } from '../../../src/policy/quantity.ts';

describe('a quantity as the API server stores it', () => {
  // As kubectl shows them after a pod with the first was created.
  it.each([
    ['0.05', '50m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1000', '1k'],
    ['512', '512'],
    ['64Mi', '64Mi'],
    ['1024Mi', '1Gi'],
    ['0.5Gi', '512Mi'],
    ['1.5Gi', '1536Mi'],
    ['0', '0'],
  ])('%s is %s', (written, stored) => {
    expect(canonicalQuantity(written)).toBe(stored);
  });
});
