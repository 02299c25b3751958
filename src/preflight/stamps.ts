import { type Denial, deny } from '../denials.ts';
import type { JsonObject } from '../json.ts';
import { annotationOf, generateNameOf, nameOf, titleOf } from '../lineage/metadata.ts';
import { check, type Holder, holderOf } from '../lineage/standing.ts';
import { ANNOTATION } from '../names.ts';
import type { StampClaims } from '../stamp/claims.ts';
import { verifyStamp } from '../stamp/jws.ts';
import type { Listed, Situation } from './situation.ts';

/**
 * Why nobody stands behind an object; undefined where somebody does.
 *
 * @param command what adopts it
 */
export function standingDenial({ kind, object }: Listed, command: string, situation: Situation): Denial | undefined {
  const { policy } = situation;
  const holder = holderOf(object, kind);
  const custody = checked(object, 'custody', holder, situation);
  const decisive = custody.kind === 'stands' ? custody : checked(object, 'stamp', holder, situation);
  if (decisive.kind === 'stands') {
    const { op } = decisive.claims;
    return policy.identity.left.has(op) ? deny('OperatorLeft', { operator: op, policy: policy.name }) : undefined;
  }
  const failed = decisive.kind === 'void' ? decisive : custody;
  return failed.kind === 'void'
    ? failed.denial
    : deny('OwnerNotAttributed', { owner: titleOf(kind, nameOf(object)), command });
}

function checked(object: JsonObject, type: 'stamp' | 'custody', holder: Holder, { stamps, namespace }: Situation) {
  if (stamps === undefined) return { kind: 'nobody' } as const;
  const { cluster, since, keys } = stamps;
  const token = annotationOf(object, ANNOTATION[type]);
  return check(token, type, holder, { cluster, namespace, since, keys: { verifying: keys } });
}

/** Whether a pod was attributed. What was planned into it is not compared: that takes the policy of that time. */
export function podIsStamped(pod: JsonObject, { stamps, namespace }: Situation): boolean {
  const token = annotationOf(pod, ANNOTATION.stamp);
  if (stamps === undefined || token === undefined) return false;
  const verified = verifyStamp(token, stamps.keys);
  return verified.kind === 'valid' && verified.claims.ns === namespace && isAbout(verified.claims, pod);
}

function isAbout({ typ, holder }: StampClaims, pod: JsonObject): boolean {
  if (typ !== 'pod') return false;
  return holder.name === undefined ? holder.generateName === generateNameOf(pod) : holder.name === nameOf(pod);
}
