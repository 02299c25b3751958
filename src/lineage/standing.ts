import { type Denial, deny, type DenialCode } from '../denials.ts';
import type { JsonObject } from '../json.ts';
import { ANNOTATION } from '../names.ts';
import type { StampClaims } from '../stamp/claims.ts';
import { digestOf } from '../stamp/digest.ts';
import { verifyStamp } from '../stamp/jws.ts';
import { contentOf } from './content.ts';
import { type GroupKind, isSameKind, type WorkloadKind } from './kinds.ts';
import { annotationOf, generateNameOf, nameOf, titleOf } from './metadata.ts';
import type { Scene } from './scene.ts';

/** Who stands behind an object, by the signed statements on it. */
export type Standing =
  | { readonly kind: 'stands'; readonly claims: StampClaims }
  /** It carries nothing of its own. */
  | { readonly kind: 'nobody' }
  /** It carries something that does not count. */
  | { readonly kind: 'void'; readonly denial: Denial };

/** An object that statements are to be about. */
export interface Holder extends GroupKind {
  readonly name: string;
  /** Where it has no name yet. */
  readonly generateName: string;
  /** What it runs now; undefined where that cannot be compared. */
  readonly digest: string | undefined;
  /** How messages call what carries the statement, where that is another object. */
  readonly title?: string;
}

export function holderOf(object: JsonObject, kind: WorkloadKind): Holder {
  return {
    group: kind.group,
    kind: kind.kind,
    name: nameOf(object),
    generateName: generateNameOf(object),
    digest: digestOf(contentOf(object, kind).covered),
  };
}

/**
 * Who stands behind an object: custody first, as what a carrier made answers to what it was made from; else its own
 * stamp. A stamp with another holder is a copy (the Deployment controller copies annotations down), and says nothing.
 */
export function standingOf(object: JsonObject, kind: WorkloadKind, scene: Place): Standing {
  const holder = holderOf(object, kind);
  const custody = check(annotationOf(object, ANNOTATION.custody), 'custody', holder, scene);
  if (custody.kind === 'stands') return custody;
  const stamp = check(annotationOf(object, ANNOTATION.stamp), 'stamp', holder, scene);
  return stamp.kind === 'nobody' ? custody : stamp;
}

/** Where a statement must be from, and what verifies it. */
export interface Place extends Pick<Scene, 'cluster' | 'namespace' | 'since'> {
  readonly keys: Pick<Scene['keys'], 'verifying'>;
}

/**
 * Checks one statement against what it is to be about.
 *
 * @param token as it stands in the annotation
 */
export function check(token: string | undefined, type: StampClaims['typ'], holder: Holder, scene: Place): Standing {
  if (token === undefined) return { kind: 'nobody' };
  const title = holder.title ?? titleOf(holder, holder.name || `${holder.generateName}*`);
  const verified = verifyStamp(token, scene.keys.verifying);
  if (verified.kind === 'invalid') {
    return verified.flaw === 'unknown-key'
      ? nothing('StampKeyUnknown', { holder: title })
      : nothing('StampInvalid', { holder: title, flaw: FLAWS[verified.flaw] });
  }
  const { claims } = verified;
  if (!isHolder(claims.holder, holder)) return { kind: 'nobody' };
  const flaw = misplaced(claims, type, scene);
  if (flaw !== undefined) return nothing('StampInvalid', { holder: title, flaw });
  // Equality, not an order in time: it does not depend on anybody's clock, and a stamp that was got by a forged review
  // and planted while the namespace was not governed cannot name a governance that had not begun.
  if (claims.gov !== scene.since) return nothing('StampFromBefore', { holder: title });
  if (holder.digest === undefined) return nothing('TemplateNotComparable', { object: title });
  if (claims.dig !== holder.digest) return nothing('StampMisfit', { holder: title, child: 'its present template' });
  return { kind: 'stands', claims };
}

const FLAWS = {
  malformed: 'it is not one of the form that Countersign makes',
  'bad-signature': 'its signature is not right',
} as const;

function misplaced(
  claims: StampClaims,
  type: StampClaims['typ'],
  scene: Pick<Scene, 'cluster' | 'namespace'>,
): string | undefined {
  if (claims.typ !== type) return `it is a statement of another type (${claims.typ})`;
  if (claims.cid !== scene.cluster) return 'it is from another cluster';
  return claims.ns === scene.namespace ? undefined : 'it is from another namespace';
}

function isHolder(claimed: StampClaims['holder'], holder: Holder): boolean {
  if (!isSameKind(claimed, holder)) return false;
  if (claimed.name !== undefined) return claimed.name === holder.name;
  // An object without either is never stored, but a forged review can have it stamped: its stamp would fit everything.
  return Boolean(claimed.generateName) && claimed.generateName === holder.generateName;
}

function nothing<Code extends DenialCode>(code: Code, particulars: Parameters<typeof deny<Code>>[1]): Standing {
  return { kind: 'void', denial: deny(code, particulars) };
}
