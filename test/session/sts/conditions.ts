import { listOf, type OneOrMore, type Statement } from './account.ts';

/**
 * The `Condition` of a policy statement (IAM user guide, "IAM JSON policy elements: Condition operators").
 *
 * What a request says about itself: condition keys in lower case, as IAM compares them without regard to case. A key
 * that the request does not have is not in the map.
 */
export type Context = ReadonlyMap<string, readonly string[]>;

interface Operator {
  readonly matches: (actual: string, wanted: string) => boolean;
  /** True where no wanted value matches, and also where the key is missing. */
  readonly negated?: boolean;
}

const equals = (actual: string, wanted: string) => actual === wanted;

const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: { matches: equals },
  StringNotEquals: { matches: equals, negated: true },
  StringLike: { matches: like },
  StringNotLike: { matches: like, negated: true },
  ArnEquals: { matches: like },
  ArnLike: { matches: like },
  ArnNotLike: { matches: like, negated: true },
  Bool: { matches: (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase() },
};

/** Whether everything holds that a statement demands of the request. */
export function holds(condition: Statement['Condition'], context: Context): boolean {
  return Object.entries(condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => oneHolds(operator, key, wanted, context)),
  );
}

function oneHolds(name: string, key: string, wanted: OneOrMore, context: Context): boolean {
  const actual = context.get(key.toLowerCase());
  if (name === 'Null') return listOf(wanted).some((value) => (value === 'true') === (actual === undefined));
  const { operator, set, ifExists } = parse(name);
  const negated = operator.negated ?? false;
  if (actual === undefined) return ifExists || set === 'ForAllValues' || (negated && set === undefined);
  const filled = listOf(wanted).flatMap((value) => fill(value, context) ?? []);
  const fits = (value: string) => filled.some((each) => operator.matches(value, each)) !== negated;
  return set === 'ForAllValues' ? actual.every(fits) : actual.some(fits);
}

function parse(name: string): { operator: Operator; set: string | undefined; ifExists: boolean } {
  const [, set, base = '', ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(.+?)(IfExists)?$/.exec(name) ?? [];
  const operator = OPERATORS[base];
  if (operator === undefined) throw new Error(`the STS stand-in does not know the condition operator ${name}`);
  return { operator, set, ifExists: ifExists !== undefined };
}

/** Refuses operators that would not be evaluated, rather than pass over a condition in silence. */
export function checkOperators(condition: Statement['Condition']): void {
  for (const name of Object.keys(condition ?? {})) if (name !== 'Null') parse(name);
}

/** Puts in policy variables such as `${aws:PrincipalTag/operator}`; undefined where the request has no such key. */
function fill(text: string, context: Context): string | undefined {
  let missing = false;
  const filled = text.replace(/\$\{([^}]+)\}/g, (_, key: string) => {
    const value = context.get(key.toLowerCase())?.[0];
    missing ||= value === undefined;
    return value ?? '';
  });
  return missing ? undefined : filled;
}

/** IAM's patterns: `*` for any characters, `?` for one. */
export function like(actual: string, pattern: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(actual);
}
