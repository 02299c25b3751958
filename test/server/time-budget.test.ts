import { describe, expect, it } from 'vitest';
import { budgetOf } from '../../src/admission/budget.ts';
import type { GovernanceSource } from '../../src/admission/governance.ts';
import { ask } from './support/client.ts';
import { reviewOf } from './support/reviews.ts';
import { startWebhook } from './support/webhook.ts';

describe('the budget', () => {
  it.each([
    ['10s', 9_700],
    ['1s', 700],
    ['0m5s', 4_700],
    ['500ms', 200],
    // More than is ever left to a review.
    ['1m40s', 9_700],
    [`${'9'.repeat(400)}s`, 9_700],
    // Nothing is left of it.
    ['300ms', 0],
    ['0s', 0],
    // No duration: the API server's own default.
    ['', 9_700],
    ['5', 9_700],
    ['-5s', 9_700],
    ['1.5s', 9_700],
    ['5s ', 9_700],
    ['5s\n', 9_700],
    ['soon', 9_700],
    [['5s', '5s'], 9_700],
    [undefined, 9_700],
    [{}, 9_700],
  ])('of %j is %d ms', (timeout, budget) => {
    expect(budgetOf(timeout)).toBe(budget);
  });
});

describe('the time that a review may take', () => {
  it.each([
    ['?timeout=5s', 4_700],
    ['?timeout=30s', 9_700],
    ['?timeout=0s', 0],
    ['?timeout=soon', 9_700],
    ['?timeout=1s&timeout=2s', 9_700],
    ['', 9_700],
  ])('of a request with %j is handed to whoever has to find something out', async (query, budget) => {
    const deadlines: number[] = [];
    const noting: GovernanceSource = {
      notReady: undefined,
      governanceOf(_, deadline) {
        deadlines.push(deadline);
        return { kind: 'unknown', problem: 'the API server did not answer' };
      },
    };
    await using webhook = await startWebhook({ governance: noting });
    const before = Date.now();
    const response = await ask(webhook, reviewOf(), { path: `/mutate/${webhook.secret}${query}` });
    const after = Date.now();
    expect(response).toMatchObject({ allowed: false, auditAnnotations: { code: 'ClusterUnavailable' } });
    expect(deadlines).toHaveLength(1);
    expect(deadlines[0]).toBeGreaterThanOrEqual(before + budget);
    expect(deadlines[0]).toBeLessThanOrEqual(after + budget);
  });
});
