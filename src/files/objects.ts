import { LineCounter, parseAllDocuments } from 'yaml';
import { Fault, reasonOf } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';

/** One object of a file. */
export interface PlacedObject {
  /** From 1. */
  readonly document: number;
  /** For people: the file and the document. */
  readonly place: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: JsonObject;
}

/**
 * Reads all objects of what `kubectl get` prints, or somebody wrote: YAML or JSON, several documents, Lists.
 *
 * @throws Fault `FileInvalid` naming file, document and place
 */
export function objectsIn(file: string, text: string): PlacedObject[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document, index) => {
    const place = `${file}, document ${index + 1}`;
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      throw new Fault('FileInvalid', `${place}, line ${line}, column ${col}: ${error.message}`);
    }
    let object: unknown;
    try {
      object = document.toJS();
    } catch (thrown) {
      throw new Fault('FileInvalid', `${place}: ${reasonOf(thrown)}`, { cause: thrown });
    }
    // An empty document, as after a closing `---`.
    if (object === null) return [];
    return itemsOf(object).map((item) => placed(index + 1, place, item));
  });
}

function itemsOf(object: unknown): readonly unknown[] {
  return isObject(object) && object['kind'] === 'List' && Array.isArray(object['items']) ? object['items'] : [object];
}

function placed(document: number, place: string, object: unknown): PlacedObject {
  if (!isObject(object) || typeof object['kind'] !== 'string' || typeof object['apiVersion'] !== 'string') {
    throw new Fault('FileInvalid', `${place}: apiVersion and kind are needed, as strings`);
  }
  return { document, place, apiVersion: object['apiVersion'], kind: object['kind'], object };
}
