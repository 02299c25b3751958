import { type Document, isMap, isNode, LineCounter, parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import { reasonOf } from '../errors.ts';
import { API } from '../names.ts';
import { type CompileResult, compilePolicy, type Policy, type Problem } from './compile.ts';
import { type PolicySpec, policySchema } from './schema.ts';

/** A policy that fits the schema and compiles. */
export interface ReadPolicy {
  readonly name: string;
  readonly spec: PolicySpec;
  readonly policy: Policy;
}

export type ReadResult = { ok: true; read: ReadPolicy } | { ok: false; problems: readonly Problem[] };

/** Reads a policy from what the API server delivers, or from a parsed file. */
export function readPolicy(object: unknown): ReadResult {
  const parsed = policySchema.safeParse(object);
  if (!parsed.success) return { ok: false, problems: parsed.error.issues.flatMap(problemsOf) };
  const { metadata, spec } = parsed.data;
  const compiled: CompileResult = compilePolicy(metadata.name, spec);
  if (!compiled.ok) return compiled;
  return { ok: true, read: { name: metadata.name, spec, policy: compiled.policy } };
}

/** Reads a file that holds one policy, as YAML or JSON. Problems carry line and column. */
export function readPolicyText(text: string): ReadResult {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if (!Array.isArray(documents) || documents.length === 0) return failed({ path: '', message: 'the file is empty' });
  const [document, ...more] = documents;
  if (document === undefined || more.length > 0) {
    return failed({
      path: '',
      message: `the file has ${documents.length} documents; one ${API.policyKind} is expected`,
    });
  }
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    return failed({ path: '', message: `is not YAML: ${error.message}`, line, column: col });
  }
  let object: unknown;
  try {
    // By way of JSON, as every policy in a cluster comes: the strings are then their own and not parts of the file's
    // text, which V8 writes into an answer at a third of the speed.
    object = JSON.parse(JSON.stringify(document.toJS()));
  } catch (thrown) {
    // The library's limit on aliases, which stops a small file from growing into a large one.
    return failed({ path: '', message: reasonOf(thrown), line: 1, column: 1 });
  }
  const result = readPolicy(object);
  if (result.ok) return result;
  return { ok: false, problems: result.problems.map((problem) => locate(problem, document, lines)) };
}

/** One line a problem: `12:7 spec.pods: message`. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === undefined ? '' : `${problem.line}:${problem.column} `;
  return `${place}${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
}

function failed(problem: Problem): ReadResult {
  return { ok: false, problems: [problem] };
}

/** Adds the position of the deepest node of the path that is there. */
function locate(problem: Problem, document: Document, lines: LineCounter): Problem {
  const keys = [...problem.path.matchAll(/([^.[\]]+)/g)].map(([key]) => (/^[0-9]+$/.test(key) ? Number(key) : key));
  for (let depth = keys.length; depth > 0; depth -= 1) {
    const node = document.getIn(keys.slice(0, depth), true);
    if (!isNode(node) || !node.range) continue;
    // A map starts at its first entry; the key above it is where a reader looks.
    const start = isMap(node) ? (keyPosition(document, keys.slice(0, depth)) ?? node.range[0]) : node.range[0];
    const { line, col } = lines.linePos(start);
    return { ...problem, line, column: col };
  }
  return { ...problem, line: 1, column: 1 };
}

function keyPosition(document: Document, keys: readonly (string | number)[]): number | undefined {
  const parent = document.getIn(keys.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find((item) => isNode(item.key) && String(item.key) === String(keys.at(-1)));
  return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
}

function pathOf(keys: readonly PropertyKey[]): string {
  return keys.reduce<string>(
    (path, key) => (typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`),
    '',
  );
}

/** An unknown field is a problem where the field stands, not where its parent does. */
function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: pathOf(issue.path), message: issue.message }];
  return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'unknown field' }));
}
