import type { Denial } from '../denials.ts';
import type { Operation } from '../json.ts';

/** What `enforce` does with a request. */
export type Outcome =
  | { readonly kind: 'untouched'; readonly code: UntouchedCode; readonly policyName?: string }
  | Attributed
  | Stamped
  | BrokenGlass
  | Refused;

/** A pod that becomes a session. */
export interface Attributed {
  readonly kind: 'attributed';
  readonly policyName: string;
  readonly operator: string;
  readonly rule: string;
  readonly roleArn: string;
  readonly delegator: string | undefined;
  /** What the pod was made for, where a controller made it: `ReplicaSet "web-1"`. */
  readonly parent: string | undefined;
  readonly operations: readonly Operation[];
  readonly warnings: readonly string[];
}

/** A workload whose statements are as they must be. */
export interface Stamped {
  readonly kind: 'stamped';
  readonly code: StampedCode;
  readonly policyName: string;
  readonly operator: string | undefined;
  readonly rule: string | undefined;
  readonly delegator?: string | undefined;
  readonly operations: readonly Operation[];
}

/** Somebody who may break glass entered the session of this operator. */
export interface BrokenGlass {
  readonly kind: 'glass';
  readonly policyName: string;
  readonly operator: string;
}

export interface Refused {
  readonly kind: 'refused';
  readonly denial: Denial;
  /** What is taken out of the object where a mode lets it through all the same: statements that came with it. */
  readonly operations?: readonly Operation[];
  readonly policyName: string | undefined;
  readonly operator?: string | undefined;
  readonly rule?: string | undefined;
}

/** Why nothing is done. */
export type UntouchedCode = 'NotGoverned' | 'NotSelected' | 'NotReviewed' | 'MirrorPod' | 'NoSession' | 'Permitted';

/**
 * - `Stamped`: with the name of whoever submitted it
 * - `HandedOn`: by a carrier, with the name behind what it was made for
 * - `Kept`: what stood on it stays
 * - `Adjusted`: an adjuster changed the template, the name stays
 * - `Restamped`: with the name that somebody with the verb gave
 */
export type StampedCode = 'Stamped' | 'HandedOn' | 'Kept' | 'Adjusted' | 'Restamped';

export function refused(
  policyName: string | undefined,
  denial: Denial,
  byWhom?: { readonly operator: string; readonly rule: string },
): Refused {
  return { kind: 'refused', policyName, denial, ...byWhom };
}
