import { editAnnotations } from '../injection/patch.ts';
import { isObject, type JsonObject } from '../json.ts';
import { annotationOf, labelOf } from '../lineage/metadata.ts';
import { ANNOTATION, LABEL } from '../names.ts';
import type { Review } from './review.ts';
import type { Verdict } from './verdict.ts';

/**
 * Dates the governance of a namespace: from when it is put under a policy until it is taken out, an annotation says
 * since when, and stays. Stamps name that date, so that none from an earlier governance counts: objects can have been
 * prepared in between, with stamps that were got by forged reviews. In `audit` nothing is changed, so what is prepared
 * there stays as well: to leave it begins a governance anew.
 *
 * @param now in milliseconds since the epoch
 */
export function reviewNamespace({ object, oldObject }: Review, now: number): Verdict {
  const verdict = { allowed: true, message: undefined, operations: [], warnings: [], auditAnnotations: {} };
  if (object === undefined || labelOf(object, LABEL.policy) === undefined) return { ...verdict, code: 'NotGoverned' };
  const begun = present(oldObject, object);
  const since = begun ?? new Date(now).toISOString();
  const { metadata } = object;
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  const place = isObject(annotations) ? annotations : 'no annotations';
  return {
    ...verdict,
    code: begun === undefined ? 'Dated' : 'Kept',
    operations: editAnnotations(isObject(metadata) ? place : 'no metadata', { [ANNOTATION.governedSince]: since }),
    auditAnnotations: { since },
  };
}

/** The date of a governance that goes on. */
function present(before: JsonObject | undefined, now: JsonObject): string | undefined {
  if (before === undefined || labelOf(before, LABEL.policy) === undefined) return undefined;
  if (isAudited(before) && !isAudited(now)) return undefined;
  return annotationOf(before, ANNOTATION.governedSince) || undefined;
}

function isAudited(namespace: JsonObject): boolean {
  return labelOf(namespace, LABEL.mode) === 'audit';
}
