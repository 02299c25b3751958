/** The API server asks with `?timeout=10s`, the `timeoutSeconds` of the webhook configuration, 1 to 30 seconds. */
const DEFAULT_BUDGET = 10_000;

/** Kept back for the answer's way to the API server. */
const MARGIN = 300;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/**
 * Milliseconds that a review may take, from the request's `timeout` parameter (a Go duration such as `10s` or `1m0s`).
 * What is not one, or is longer than the default, gives the default.
 */
export function budgetOf(timeout: unknown): number {
  if (typeof timeout !== 'string' || !/^([0-9]+(ms|s|m)){1,3}$/.test(timeout)) return DEFAULT_BUDGET - MARGIN;
  let total = 0;
  for (const [, amount, unit] of timeout.matchAll(/([0-9]+)(ms|s|m)/g))
    total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return Math.max(0, Math.min(total, DEFAULT_BUDGET) - MARGIN);
}
