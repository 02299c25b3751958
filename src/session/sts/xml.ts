/**
 * Reads the small XML documents that STS answers with (Query protocol). It knows elements and text, which is all that
 * they have, and refuses the rest: no document types, so no entities of somebody's making; no comments, no CDATA.
 */

const TOKEN = /<\?xml [^<>]*\?>|<(\/?)([A-Za-z][A-Za-z0-9]*)((?: [^<>]*?)?)(\/?)>|([^<]+)/y;
const MAX_DEPTH = 16;

/** The text of the elements without children, by their path, such as `AssumeRoleResponse/AssumeRoleResult/SourceIdentity`. */
export type Fields = ReadonlyMap<string, string>;

/** @throws Error when it is not such a document, or a field is there twice, as nothing says which of the two counts */
export function readXml(text: string): Fields {
  const fields = new Map<string, string>();
  const path: string[] = [];
  let content: string | undefined;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const [, closes, name, , empty, characters] = TOKEN.exec(text) ?? fail();
    if (characters !== undefined) {
      if (content !== undefined) content += decode(characters);
      else if (characters.trim() !== '') fail();
    } else if (name === undefined) {
      if (path.length > 0) fail();
    } else if (closes === '/') {
      if (path.at(-1) !== name) fail();
      if (content !== undefined) keep(fields, path, content);
      path.pop();
      content = undefined;
    } else {
      if (path.length === MAX_DEPTH || (content !== undefined && content.trim() !== '')) fail();
      path.push(name);
      content = '';
      if (empty === '/') {
        keep(fields, path, '');
        path.pop();
        content = undefined;
      }
    }
  }
  if (path.length > 0 || fields.size === 0) fail();
  return fields;
}

function keep(fields: Map<string, string>, path: readonly string[], content: string): void {
  const key = path.join('/');
  if (fields.has(key)) throw new Error(`the answer holds ${key} twice`);
  fields.set(key, content);
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-z]+));|&/g, (_, hex, decimal, name) => {
    if (typeof name === 'string') return NAMED[name] ?? fail();
    const code = typeof hex === 'string' ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : fail();
  });
}

function fail(): never {
  throw new Error('the answer is not XML as STS writes it');
}
