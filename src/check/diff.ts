import { styleText } from 'node:util';
import { diffLines } from 'diff';
import { stringify } from 'yaml';
import type { JsonObject } from '../json.ts';

/** Lines of unchanged text shown around a change. */
const CONTEXT = 2;

/** Lines of a long addition that are shown when it is folded. */
const FOLDED = 4;

export interface DiffStyle {
  readonly colour: boolean;
  /** Shows only the beginning of long additions. */
  readonly fold?: boolean;
}

/** What changed between two objects, as YAML lines marked `+` and `-`. */
export function diffOf(before: JsonObject, after: JsonObject, { colour, fold = false }: DiffStyle): string {
  const lines: string[] = [];
  const parts = diffLines(yamlOf(before), yamlOf(after));
  for (const [index, part] of parts.entries()) {
    const own = part.value.replace(/\n$/, '').split('\n');
    if (part.added) lines.push(...(fold ? folded(own) : own).map((line) => paint('green', `+ ${line}`, colour)));
    else if (part.removed) lines.push(...own.map((line) => paint('red', `- ${line}`, colour)));
    else
      lines.push(...excerpt(own, index > 0, index < parts.length - 1).map((line) => paint('dim', `  ${line}`, colour)));
  }
  return lines.join('\n');
}

/** YAML as kubectl prints it: no folded lines. */
export function yamlOf(object: JsonObject): string {
  return stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
}

export function paint(
  format: 'green' | 'red' | 'dim' | 'bold' | 'yellow' | 'cyan',
  text: string,
  colour: boolean,
): string {
  return colour ? styleText(format, text, { validateStream: false }) : text;
}

function folded(lines: readonly string[]): readonly string[] {
  const hidden = lines.length - FOLDED;
  return hidden < 2 ? lines : [...lines.slice(0, FOLDED), `… ${hidden} more lines`];
}

/** The ends of an unchanged stretch that touch a change. */
function excerpt(lines: readonly string[], changeBefore: boolean, changeAfter: boolean): readonly string[] {
  const head = changeBefore ? CONTEXT : 0;
  const tail = changeAfter ? CONTEXT : 0;
  if (lines.length <= head + tail) return lines;
  return [...lines.slice(0, head), '…', ...(tail === 0 ? [] : lines.slice(-tail))];
}
