import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern, type Pattern } from '../../../src/operator/pattern.ts';

function pattern(source: string): Pattern {
  const result = compilePattern(source);
  if (!result.ok) throw new Error(result.problem);
  return result.pattern;
}

describe('a pattern stands for the whole string', () => {
  it.each([
    ['alice|bob', 'bob', true],
    ['alice|bob', 'bobby', false],
    ['alice|bob', 'xalice', false],
    ['a.c', 'abc', true],
    ['a.c', 'abc\n', false],
    ['a.c', 'a\nc', false],
    ['^alice$', 'alice', true],
    ['^alice$', 'alice\nmallory', false],
    ['alice$', 'alice\n', false],
  ])('%j against %j: %s', (source, text, expected) => {
    expect(pattern(source).matches(text)).toBe(expected);
  });

  it('whatever literal alternatives it has and whatever surrounds them', () => {
    const word = fc.stringMatching(/^[a-z]{1,6}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), fc.string(), (words, text) => {
        expect(pattern(words.join('|')).matches(text)).toBe(words.includes(text));
      }),
    );
  });
});

describe('inline flags are refused, since they change what two users can share', () => {
  it.each(['(?i)alice', '(?m)^alice$', 'a(?s).b', '(?i:alice)', '(?-i)x', 'x|(?U)y+', '[a](?i)b', '[]a](?i)b'])(
    '%s',
    (source) => {
      expect(compilePattern(source)).toMatchObject({ ok: false, problem: expect.stringContaining('inline flags') });
    },
  );

  it.each(['(?:alice|bob)', '(?P<name>a+)', '[(?i)]', '\\(\\?i\\)', '[[:alpha:]]+'])('but not %s', (source) => {
    expect(compilePattern(source)).toMatchObject({ ok: true });
  });

  it('so that the Kelvin sign is no k', () => {
    expect(pattern('mike').matches('mi\u212Ae')).toBe(false);
    expect(pattern('[a-z]+').matches('mi\u212Ae')).toBe(false);
    expect(pattern('\\w+').matches('mi\u212Ae')).toBe(false);
  });

  it('and quoting that could hide them is refused too', () => {
    expect(compilePattern('\\Q(?i)\\Ealice')).toMatchObject({ ok: false });
  });
});

describe('a pattern that would be costly or means something else is refused', () => {
  it.each([
    ['a)|(b', 'not RE2'],
    ['(a', 'not RE2'],
    ['(a)\\1', 'not RE2'],
    ['a(?=b)', 'not RE2'],
    ['a'.repeat(1025), '1024 are allowed'],
    ['((a{0,100}){0,10}){0,10}', ''],
    ['(?:(?:[a-z]{1,60}){1,15}){1,15}', ''],
  ])('%.30s', (source, problem) => {
    expect(compilePattern(source)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
  });

  it('a nested quantifier costs in proportion to the input, not more', () => {
    const nested = pattern('(?:a+)+$');
    const cost = (length: number): number => {
      const text = `${'a'.repeat(length)}!`;
      const started = process.cpuUsage();
      for (let round = 0; round < 20; round += 1) nested.matches(text);
      return process.cpuUsage(started).user;
    };
    cost(2_000);
    // A backtracking engine doubles with every character; the bound leaves room for a busy machine.
    expect(cost(16_000)).toBeLessThan(64 * Math.max(cost(2_000), 1_000));
  });
});
