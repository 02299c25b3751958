import { type AST, RegExpParser, visitRegExpAST } from '@eslint-community/regexpp';
import { CharSet, DFA, JS, NFA } from 'refa';

/**
 * Questions about the set of strings that a pattern matches, for lint alone: answers may be missing (undefined)
 * where a pattern uses what the analysis does not know, or is too large to analyse.
 */

/** Bounds the automata: a pattern of nested repetitions must not take all memory. */
const MAX_NODES = 5_000;

const LETTERS = CharSet.empty(0x10_ff_ff).union([{ min: 0x61, max: 0x7a }]);

/** Every rule is compared with every other, so each pattern is taken apart once. */
const known = new Map<string, Language | undefined>();

export class Language {
  readonly #nfa: NFA;

  private constructor(nfa: NFA) {
    this.#nfa = nfa;
  }

  /** The strings that a pattern matches as a whole. */
  static of(pattern: string): Language | undefined {
    if (!known.has(pattern))
      known.set(
        pattern,
        attempt(() => new Language(toNfa(pattern))),
      );
    return known.get(pattern);
  }

  /** The strings that are in both. */
  and(other: Language): Language | undefined {
    return attempt(
      () => new Language(NFA.fromIntersection(this.#nfa, other.#nfa, new NFA.LimitedNodeFactory(MAX_NODES))),
    );
  }

  /** One of the shortest strings, or undefined when there is none. */
  example(): string | undefined {
    // Breadth first over the states: to list the words themselves takes a time and a memory that double with each.
    const reached = new Map<NFA.Node, string>([[this.#nfa.initial, '']]);
    for (const [node, word] of reached) {
      if (this.#nfa.finals.has(node)) return word;
      for (const [next, characters] of node.out) {
        const [range] = characters.ranges;
        if (range !== undefined && !reached.has(next))
          reached.set(next, word + String.fromCodePoint(preferred(characters)));
      }
    }
    return undefined;
  }

  /** Whether every string of `other` is one of these too. */
  contains(other: Language): boolean | undefined {
    return attempt(() => {
      const complement = DFA.fromFA(this.#nfa, new DFA.LimitedNodeFactory(MAX_NODES));
      complement.complement();
      return NFA.fromIntersection(complement, other.#nfa, new NFA.LimitedNodeFactory(MAX_NODES)).isEmpty;
    });
  }

  /** Whether exactly one string matches. */
  isSingle(): boolean | undefined {
    const only = this.example();
    if (only === undefined) return false;
    return attempt(() => {
      const word = NFA.fromWords([Array.from(only, (character) => character.codePointAt(0) ?? 0)], {
        maxCharacter: this.#nfa.maxCharacter,
      });
      return new Language(word).contains(this);
    });
  }
}

/** A letter where there is one, as examples are for people. */
function preferred(characters: CharSet): number {
  const letters = characters.intersect(LETTERS);
  return (letters.ranges[0] ?? characters.ranges[0])?.min ?? 0;
}

/** What a capture group takes, and what stands around it at the top level of the pattern. */
export interface Capture {
  readonly inside: Language | undefined;
  /** Undefined when the group stands inside something else, so that its surroundings are not plain. */
  readonly around: Language | undefined;
}

/** Takes a pattern apart at one of its capture groups. */
export function captureOf(pattern: string, group: number): Capture | undefined {
  return attempt(() => {
    const ast = parse(pattern);
    const found: AST.CapturingGroup[] = [];
    visitRegExpAST(ast, { onCapturingGroupEnter: (node) => void found.push(node) });
    const node = found[group - 1];
    if (node === undefined) return undefined;
    const inside = Language.of(`(?:${node.raw.replace(/^\((\?<[^>]*>)?/, '').replace(/\)$/, '')})`);
    const top = ast.alternatives.length === 1 ? ast.alternatives[0]?.elements : undefined;
    if (top === undefined || !top.includes(node)) return { inside, around: undefined };
    return { inside, around: Language.of(top.map((element) => (element === node ? '' : element.raw)).join('')) };
  });
}

function parse(pattern: string): AST.Pattern {
  const source = javaScript(pattern);
  return new RegExpParser({ ecmaVersion: 2024 }).parsePattern(source, 0, source.length, { unicode: true });
}

function toNfa(pattern: string): NFA {
  const parser = JS.Parser.fromLiteral({ source: javaScript(pattern), flags: 'u' });
  const { expression, maxCharacter } = parser.parse({ maxNodes: MAX_NODES });
  return NFA.fromRegex(expression, { maxCharacter }, {}, new NFA.LimitedNodeFactory(MAX_NODES));
}

/** RE2 writes a named group `(?P<name>…)`, and the parser knows JavaScript's spelling. */
function javaScript(pattern: string): string {
  return pattern.replaceAll('(?P<', '(?<');
}

function attempt<Result>(question: () => Result): Result | undefined {
  try {
    return question();
  } catch {
    return undefined;
  }
}
