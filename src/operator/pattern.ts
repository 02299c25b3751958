import { RE2JS } from 're2js';

/**
 * A pattern that an admin wrote, matched against strings that strangers chose.
 *
 * RE2 because its time is linear in the input: a backtracking engine took 14.8 s on one hostile username.
 */
export interface Pattern {
  readonly source: string;
  readonly groups: number;
  /** Instructions of its program, by which its memory grows. */
  readonly size: number;
  /** The capture groups of a match of the whole string (index 0 is the whole), or undefined. */
  match(text: string): readonly (string | undefined)[] | undefined;
  matches(text: string): boolean;
}

/** Longest pattern accepted, in characters. RE2's memory grows with the pattern. */
export const MAX_PATTERN_LENGTH = 1024;

/** RE2 counts nested repetitions out, so a short pattern can make a large program; this bounds it (instructions). */
const MAX_PROGRAM_SIZE = 5_000;

export type PatternResult = { ok: true; pattern: Pattern } | { ok: false; problem: string };

/**
 * Compiles an admin's pattern.
 *
 * The pattern always stands for the whole string: `alice|bob` must not match `bobby`, which a search, or an
 * alternation between bare anchors, would let through. Inline flags are refused: `(?i)` folds U+212A (the Kelvin
 * sign) to `k`, which makes two users one, and `(?m)` lets `$` match before the end.
 */
export function compilePattern(source: string): PatternResult {
  if (source.length > MAX_PATTERN_LENGTH) {
    return { ok: false, problem: `has ${source.length} characters, ${MAX_PATTERN_LENGTH} are allowed` };
  }
  const construct = forbiddenConstruct(source);
  if (construct !== undefined) return { ok: false, problem: construct };
  let compiled: RE2JS;
  try {
    // Alone first: `a)|(b` is broken by itself, yet well-formed between the parentheses added below.
    RE2JS.compile(source);
    compiled = RE2JS.compile(`(?:${source})`);
  } catch (error) {
    return { ok: false, problem: `is not RE2: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (compiled.programSize() > MAX_PROGRAM_SIZE) {
    return { ok: false, problem: 'counts to more repetitions than can be matched cheaply' };
  }
  return { ok: true, pattern: wrap(source, compiled) };
}

function wrap(source: string, compiled: RE2JS): Pattern {
  const groups = compiled.groupCount();
  return {
    source,
    groups,
    size: compiled.programSize(),
    match(text) {
      const matcher = compiled.matcher(text);
      if (!matcher.matches()) return undefined;
      const captured: (string | undefined)[] = [];
      for (let index = 0; index <= groups; index += 1) captured.push(matcher.group(index) ?? undefined);
      return captured;
    },
    matches: (text) => compiled.matches(text),
  };
}

function forbiddenConstruct(source: string): string | undefined {
  let inClass = false;
  for (let index = 0; index < source.length; index += 1) {
    const character = source[index];
    if (character === '\\') {
      if (source[index + 1] === 'Q') return 'uses \\Q…\\E; escape the characters one by one';
      index += 1;
    } else if (inClass) {
      inClass = character !== ']';
    } else if (character === '[') {
      inClass = true;
      // A `]` right after the opening (or its negation) is a member of the class.
      if (source[index + 1] === '^') index += 1;
      if (source[index + 1] === ']') index += 1;
    } else if (character === '(' && source[index + 1] === '?' && /^[a-zA-Z-]*[:)]/.test(source.slice(index + 2))) {
      if (source[index + 2] !== ':') return 'uses inline flags, such as (?i); spell out what it should match';
    }
  }
  return undefined;
}
