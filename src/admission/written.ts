import { deny } from '../denials.ts';
import { editAnnotations } from '../injection/patch.ts';
import { isObject, type JsonObject, type Operation } from '../json.ts';
import { handsAnnotationsDown, type WorkloadKind } from '../lineage/kinds.ts';
import { annotationOf, generateNameOf, nameOf, titleOf } from '../lineage/metadata.ts';
import type { Scene } from '../lineage/scene.ts';
import { holderOf } from '../lineage/standing.ts';
import { ANNOTATION } from '../names.ts';
import type { Reference, StampClaims } from '../stamp/claims.ts';
import { signStamp } from '../stamp/jws.ts';
import { type Outcome, refused, type StampedCode, type UntouchedCode } from './outcome.ts';
import { type Author, claimsFor } from './statement.ts';

/** An object that is being written, and as it was before. */
export interface Written {
  readonly object: JsonObject;
  readonly old: JsonObject | undefined;
  readonly kind: WorkloadKind;
  readonly policyName: string;
}

interface Statement {
  readonly type: 'stamp' | 'custody';
  readonly code: StampedCode;
  readonly author: Author;
  readonly role: string;
  readonly parent?: Reference;
  /** The object that it is about, where that is not the one on which it is put. */
  readonly about?: StampClaims['holder'];
}

/** Signs a statement about the object as it is written, and puts it there. */
export function write(written: Written, statement: Statement, scene: Scene): Outcome {
  const { object, kind, policyName } = written;
  const { type, code, author, role, parent, about } = statement;
  const holder = holderOf(object, kind);
  if (holder.digest === undefined) {
    return refused(policyName, deny('TemplateNotComparable', { object: titleOf(kind, holder.name) }));
  }
  const name = nameOf(object);
  const handed = handsAnnotationsDown(kind) ? 'stamp' : type;
  const claims = claimsFor(author, {
    typ: handed,
    role,
    ns: scene.namespace,
    gov: scene.since,
    holder: about ?? {
      group: kind.group,
      kind: kind.kind,
      ...(name === '' ? { generateName: generateNameOf(object) } : { name }),
    },
    dig: holder.digest,
    ...(parent !== undefined && { parent }),
  });
  const token = signStamp(claims, scene.keys, scene.cluster, scene.now);
  // Custody stands beside a copy of the owner's stamp: with one key for both, the controller that copies would write
  // against us for ever. So what such a controller copies from has its statement where a human's would be.
  const keys =
    handed === 'stamp'
      ? { [ANNOTATION.stamp]: token, [ANNOTATION.custody]: undefined }
      : { [ANNOTATION.stamp]: annotationOf(object, ANNOTATION.stamp), [ANNOTATION.custody]: token };
  const { op: operator, rule, by: delegator } = author;
  return { kind: 'stamped', code, policyName, operator, rule, delegator, operations: edits(object, keys) };
}

/** Puts what stood on the object before back, whatever was sent. */
export function keep(written: Written): Outcome {
  const { object, old, policyName } = written;
  const operations = unstated(object, old);
  return { kind: 'stamped', code: 'Kept', policyName, operator: undefined, rule: undefined, operations };
}

/** Leaves the object with these statements. */
export function keepWith(written: Written, keys: Readonly<Record<string, string | undefined>>): Outcome {
  const { object, policyName } = written;
  const operations = edits(object, keys);
  return { kind: 'stamped', code: 'Kept', policyName, operator: undefined, rule: undefined, operations };
}

/** Takes away what only Countersign may write. */
export function strip(written: Written, code: UntouchedCode): Outcome {
  const { object, policyName } = written;
  const operations = unstated(object, undefined);
  if (operations.length === 0) return { kind: 'untouched', code, policyName };
  return { kind: 'stamped', code: 'Kept', policyName, operator: undefined, rule: undefined, operations };
}

/** What takes out of an object the statements that it did not have before. */
export function unstated(object: JsonObject, old: JsonObject | undefined): readonly Operation[] {
  return edits(object, {
    [ANNOTATION.stamp]: annotationOf(old, ANNOTATION.stamp),
    [ANNOTATION.custody]: annotationOf(old, ANNOTATION.custody),
  });
}

function edits(object: JsonObject, keys: Readonly<Record<string, string | undefined>>) {
  const { metadata } = object;
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  const present = isObject(metadata) ? (isObject(annotations) ? annotations : 'no annotations') : 'no metadata';
  return editAnnotations(present, { ...keys, [ANNOTATION.restamp]: undefined });
}
