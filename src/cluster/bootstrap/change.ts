/**
 * What `bootstrap` decides about one object. The deciding functions beside this file are pure: each looks at what is
 * there and says what to change, so a run that died half-way is finished by the next one without having left a note.
 */

export type Outcome = 'made' | 'renewed' | 'repaired' | 'unchanged';

/** A change to one object; no change is `undefined`. */
export interface Change<Patch> {
  readonly outcome: Exclude<Outcome, 'unchanged'>;
  /** Why, for people. Never holds a secret. */
  readonly because: string;
  readonly patch: Patch;
}

/** The decoded values of a Secret. */
export type SecretData = Readonly<Record<string, string | undefined>>;

/** Keys of a Secret with their new values; `null` takes a key away. */
export type SecretPatch = Readonly<Record<string, string | null>>;

export type SecretChange = Change<SecretPatch>;
