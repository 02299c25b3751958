import { Document, isScalar, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';

/** What is rendered: plain data, in which {@link note} may stand in front of any value. */
export type Value =
  | string
  | number
  | boolean
  | readonly Value[]
  | { readonly [key: string]: Value | undefined }
  | Noted;

class Noted {
  readonly comment: string;
  readonly value: Value;

  constructor(comment: string, value: Value) {
    this.comment = comment;
    this.value = value;
  }
}

/** Puts a comment above a value: it says why to whoever reads the manifest. */
export function note(comment: string, value: Value): Noted {
  return new Noted(comment.replaceAll(/\s+/g, ' ').trim(), value);
}

const WIDTH = 120;

/** Writes documents as people write manifests: short lists in one line, long expressions in lines of their own. */
export function printDocuments(documents: readonly Value[]): string {
  return documents.map(print).join('---\n');
}

function print(value: Value): string {
  const document = new Document();
  document.contents = nodeOf(value, 0);
  const body = document.toString({ lineWidth: WIDTH, flowCollectionPadding: false });
  return value instanceof Noted ? `${commentOf(value.comment, 0).replaceAll(/^/gm, '#')}\n${body}` : body;
}

/** @param depth columns in front of the node */
function nodeOf(value: Value, depth: number): Node {
  if (value instanceof Noted) return nodeOf(value.value, depth);
  if (typeof value === 'string') return textOf(value);
  if (typeof value !== 'object') return new Scalar(value);
  if (Array.isArray(value)) return listOf(value as readonly Value[], depth);
  const map = new YAMLMap();
  for (const [key, item] of Object.entries(value as Readonly<Record<string, Value | undefined>>)) {
    if (item === undefined) continue;
    const name = new Scalar(key);
    if (item instanceof Noted) name.commentBefore = commentOf(item.comment, depth);
    map.items.push(new Pair(name, nodeOf(item, depth + 2)));
  }
  return map;
}

function listOf(items: readonly Value[], depth: number): YAMLSeq {
  const list = new YAMLSeq();
  for (const item of items) {
    const node = nodeOf(item, depth + 2);
    if (item instanceof Noted) node.commentBefore = commentOf(item.comment, depth);
    list.items.push(node);
  }
  const texts = list.items.map((item) => (isScalar(item) ? String(item.value) : undefined));
  list.flow = texts.every((text) => text !== undefined) && texts.join(', ').length + depth < WIDTH - 20;
  return list;
}

function textOf(text: string): Scalar {
  const scalar = new Scalar(text);
  if (text.includes('\n')) scalar.type = Scalar.BLOCK_LITERAL;
  else if (text.length > 80) scalar.type = Scalar.BLOCK_FOLDED;
  return scalar;
}

/** Broken into lines that fit with the `#` that the library adds. */
function commentOf(comment: string, depth: number): string {
  const lines: string[] = [];
  for (const word of comment.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && depth + last.length + word.length + 2 <= WIDTH) lines[lines.length - 1] += ` ${word}`;
    else if (word !== '') lines.push(` ${word}`);
  }
  return lines.join('\n');
}
