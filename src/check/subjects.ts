import { LineCounter, parseAllDocuments } from 'yaml';
import { type Review, readReview } from '../admission/review.ts';
import { Fault, reasonOf } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { findKind, groupOf, WORKLOAD_KINDS } from '../lineage/kinds.ts';
import type { Requester } from '../operator/requester.ts';

/** One object of a file, and the review that the API server would send for it. */
export interface Subject {
  readonly file: string;
  /** From 1. */
  readonly document: number;
  readonly kind: string;
  readonly name: string;
  /** Undefined for an object that makes no pods. */
  readonly review: Review | undefined;
}

/**
 * Reads all objects of a file: YAML or JSON, several documents, Lists.
 *
 * @param requester who would create them; an AdmissionReview has its own
 * @throws Fault `FileInvalid` naming file, document and place
 */
export function subjectsOf(file: string, text: string, requester: Requester | undefined): Subject[] {
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
    return itemsOf(object).map((item) => subject(file, index + 1, place, item, requester));
  });
}

function itemsOf(object: unknown): readonly unknown[] {
  return isObject(object) && object['kind'] === 'List' && Array.isArray(object['items']) ? object['items'] : [object];
}

function subject(
  file: string,
  document: number,
  place: string,
  object: unknown,
  requester: Requester | undefined,
): Subject {
  if (!isObject(object) || typeof object['kind'] !== 'string' || typeof object['apiVersion'] !== 'string') {
    throw new Fault('FileInvalid', `${place}: apiVersion and kind are needed, as strings`);
  }
  const base = { file, document, kind: object['kind'], name: nameOf(object) };
  if (object['kind'] === 'AdmissionReview') return { ...base, ...ofReview(place, object) };
  const workload = findKind(WORKLOAD_KINDS, { group: groupOf(object['apiVersion']), kind: object['kind'] });
  if (workload === undefined && !(object['apiVersion'] === 'v1' && object['kind'] === 'Pod'))
    return { ...base, review: undefined };
  if (requester === undefined)
    throw new Fault('UsageInvalid', `${place}: who creates the ${object['kind']} is not known; give --as USER`);
  return { ...base, review: creation(object, object['apiVersion'], workload?.resource ?? 'pods', requester) };
}

function creation(object: JsonObject, apiVersion: string, resource: string, requester: Requester): Review {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  return {
    uid: 'check',
    operation: 'CREATE',
    resource: { group: groupOf(apiVersion), version: apiVersion.slice(apiVersion.indexOf('/') + 1), resource },
    subResource: '',
    namespace: typeof metadata['namespace'] === 'string' ? metadata['namespace'] : 'default',
    name: nameOf(object),
    requester,
    object,
    dryRun: false,
  };
}

function ofReview(place: string, object: JsonObject): { kind: string; name: string; review: Review } {
  try {
    const review = readReview(object);
    const { object: pod = {} } = review;
    return { kind: typeof pod['kind'] === 'string' ? pod['kind'] : 'Pod', name: review.name || nameOf(pod), review };
  } catch (thrown) {
    throw new Fault('FileInvalid', `${place}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

function nameOf(object: JsonObject): string {
  const metadata = object['metadata'];
  if (!isObject(metadata)) return '';
  const { name, generateName } = metadata;
  if (typeof name === 'string') return name;
  return typeof generateName === 'string' ? `${generateName}*` : '';
}
