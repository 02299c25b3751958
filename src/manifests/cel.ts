/**
 * Pieces of CEL, the language of match conditions and admission policies. Everything is written so that a field which is
 * not there is no error: an error in a condition refuses the request.
 * Source: Kubernetes documentation, "Common Expression Language in Kubernetes".
 */

/** A string literal. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`;
}

/** A list of strings; a long one has a line for each. */
export function list(texts: readonly string[]): string {
  const inOneLine = `[${texts.map(literal).join(', ')}]`;
  return inOneLine.length <= 80 ? inOneLine : `[\n  ${texts.map(literal).join(',\n  ')}\n]`;
}

/** One of the alternatives, each in a line of its own. */
export function any(alternatives: readonly string[]): string {
  return alternatives.join('\n|| ');
}

/** All of the terms, each in a line of its own. */
export function all(terms: readonly string[]): string {
  return terms.join('\n&& ');
}

/** Words that may not stand behind a point (CEL specification, "Syntax"). */
const RESERVED = new Set(
  'false in null true as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** The optional value at a path: none when a part of the path is missing. */
export function optionalAt(root: string, path: readonly string[]): string {
  return path.reduce(
    (expression, step) =>
      /^[A-Za-z][A-Za-z0-9]*$/.test(step) && !RESERVED.has(step)
        ? `${expression}.?${step}`
        : `${expression}[?${literal(step)}]`,
    root,
  );
}

/** Whether the value at a path differs between the object and what was stored; to appear or to go is a difference. */
export function differs(path: readonly string[]): string {
  return `${optionalAt('object', path)} != ${optionalAt('oldObject', path)}`;
}
