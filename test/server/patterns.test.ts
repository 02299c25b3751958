import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json.ts';
import { SAMPLE_POLICY } from '../../src/policy/sample.ts';
import { ask, codeOf } from './support/client.ts';
import { pod, policyOf, reviewOf } from './support/reviews.ts';
import { governing, startWebhook } from './support/webhook.ts';

/** Patterns that an admin may well write, and each an input on which an engine that backtracks does not come back. */
const PATTERNS: readonly [pattern: string, hostile: (length: number) => string][] = [
  // This one fits, so that its parts have to be found.
  ['(a|aa)*(a|b)*b', (length) => `${'a'.repeat(length - 1)}b`],
  ['(a+)+$', (length) => `${'a'.repeat(length - 1)}!`],
  ['((a*)*)*b', (length) => 'a'.repeat(length)],
  ['(?:a|a)*c', (length) => 'a'.repeat(length)],
  ['(.*)(.*)(.*)(.*)@x', (length) => 'y'.repeat(length)],
  ['([a-z]+[0-9]*)+@example\\.com', (length) => 'a'.repeat(length)],
];

function policyWith(pattern: string): string {
  const from = SAMPLE_POLICY.indexOf('  operators:\n');
  const to = SAMPLE_POLICY.indexOf('  # Identities that start pods');
  const rule = `  operators:\n    - name: people\n      match: { username: '${pattern}' }\n      operator: { capture: 1 }\n`;
  return SAMPLE_POLICY.slice(0, from) + rule + SAMPLE_POLICY.slice(to);
}

function reviewBy(username: string, more: JsonObject = {}): JsonObject {
  return reviewOf(pod(), { userInfo: { username, groups: [], ...more } });
}

describe('a pattern of nested repetitions and the username made for it', () => {
  it.each(PATTERNS)('%s: is answered', async (pattern, hostile) => {
    await using webhook = await startWebhook({ governance: governing(policyWith(`(${pattern})`)) });
    expect(codeOf(await ask(webhook, reviewBy(hostile(2_048))))).toBeOneOf(['NoOperatorRule', 'OperatorNotClean']);
    expect(codeOf(await ask(webhook, reviewBy(hostile(2_049))))).toBe('RequesterUnreadable');
    expect(codeOf(await ask(webhook, reviewBy('x'.repeat(5_000_000))))).toBe('RequesterUnreadable');
  });

  // A ratio of two measurements taken in turn, of which the best count: what the machine does besides slows both. With
  // 8 times the length, linear work takes 8 times as long, quadratic 64 times, and backtracking never ends.
  it.each(PATTERNS)('%s: costs in proportion to its length', (pattern, hostile) => {
    const [rule] = policyOf(policyWith(`(${pattern})`)).identity.operators;
    const [short, long] = [hostile(256), hostile(2_048)];
    const best = { short: Infinity, long: Infinity };
    expect(rule?.match.username).toBeDefined();
    const measure = (text: string) => {
      const begin = performance.now();
      for (let turn = 0; turn < 10; turn += 1) {
        // Whether, and with which parts: two engines.
        rule?.match.username?.matches(text);
        rule?.match.username?.match(text);
      }
      return performance.now() - begin;
    };
    for (let round = 0; round < 40; round += 1) {
      best.short = Math.min(best.short, measure(short));
      best.long = Math.min(best.long, measure(long));
    }
    expect(best.long / best.short).toBeLessThan(24);
  });
});

describe('an identity of excessive length', () => {
  it('is answered, whatever part of it is long', async () => {
    await using webhook = await startWebhook();
    const long = 'x'.repeat(1_000_000);
    const groups = Array.from({ length: 50_000 }, (_, index) => `group-${index}`);
    const extra = Object.fromEntries(groups.map((group) => [group, [group]]));
    const codes = [];
    for (const more of [{ groups: [long] }, { groups }, { extra: { [long]: [long] } }, { extra }, { uid: long }]) {
      codes.push(codeOf(await ask(webhook, reviewBy('oidc:alice@example.com', more))));
    }
    expect(codes).toEqual(Array(5).fill('Attributed'));
    const claims = pod({}, { annotations: { 'countersign.dev/on-behalf-of': long } });
    expect(codeOf(await ask(webhook, reviewOf(claims)))).toBe('OperatorClaimedByOther');
  });
});
