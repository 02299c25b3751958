import { styleText } from 'node:util';
import { diffLines } from 'diff';
import { stringify } from 'yaml';
import type { JsonObject } from '../json.ts';

/** Lines of unchanged text shown around a change. */
const CONTEXT = 2;

/** What changed between two objects, as YAML lines marked `+` and `-`. */
export function diffOf(before: JsonObject, after: JsonObject, colour: boolean): string {
  const lines: string[] = [];
  const parts = diffLines(yamlOf(before), yamlOf(after));
  for (const [index, part] of parts.entries()) {
    const own = part.value.replace(/\n$/, '').split('\n');
    if (part.added) lines.push(...own.map((line) => paint('green', `+ ${line}`, colour)));
    else if (part.removed) lines.push(...own.map((line) => paint('red', `- ${line}`, colour)));
    else lines.push(...excerpt(own, index > 0, index < parts.length - 1).map((line) => paint('dim', `  ${line}`, colour)));
  }
  return lines.join('\n');
}

/** YAML as kubectl prints it: no folded lines. */
export function yamlOf(object: JsonObject): string {
  return stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
}

export function paint(format: 'green' | 'red' | 'dim' | 'bold' | 'yellow' | 'cyan', text: string, colour: boolean): string {
  return colour ? styleText(format, text, { validateStream: false }) : text;
}

/** The ends of an unchanged stretch that touch a change. */
function excerpt(lines: readonly string[], changeBefore: boolean, changeAfter: boolean): readonly string[] {
  const head = changeBefore ? CONTEXT : 0;
  const tail = changeAfter ? CONTEXT : 0;
  if (lines.length <= head + tail) return lines;
  return [...lines.slice(0, head), '…', ...(tail === 0 ? [] : lines.slice(-tail))];
}
