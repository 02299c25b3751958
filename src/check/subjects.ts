import { type Review, readReview } from '../admission/review.ts';
import { Fault, reasonOf } from '../errors.ts';
import { objectsIn, type PlacedObject } from '../files/objects.ts';
import { isObject, type JsonObject } from '../json.ts';
import { contentOf } from '../lineage/content.ts';
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
  return objectsIn(file, text).map((each) => subject(file, each, requester));
}

function subject(
  file: string,
  { document, place, apiVersion, kind, object }: PlacedObject,
  requester: Requester | undefined,
): Subject {
  const base = { file, document, kind, name: nameOf(object) };
  if (kind === 'AdmissionReview') return { ...base, ...ofReview(place, object) };
  const workload = findKind(WORKLOAD_KINDS, { group: groupOf(apiVersion), kind });
  if (workload === undefined && !(apiVersion === 'v1' && kind === 'Pod')) return { ...base, review: undefined };
  if (requester === undefined)
    throw new Fault('UsageInvalid', `${place}: who creates the ${kind} is not known; give --as USER`);
  if (workload?.covers.by === 'template' && contentOf(object, workload).templates.length === 0) {
    throw new Fault('FileInvalid', `${place}: ${workload.covers.path.join('.')} is not an object`);
  }
  return { ...base, review: creation(object, apiVersion, workload?.resource ?? 'pods', requester) };
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
