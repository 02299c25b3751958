/**
 * The one form an operator's name may have, so that it is byte for byte the same in every record.
 *
 * STS allows 2–64 characters of `[\w+=,.@-]` for SourceIdentity and RoleSessionName (STS API reference, AssumeRole)
 * and forbids SourceIdentity to begin with `aws:`, which this set cannot spell as it has no colon. The same lack of
 * a colon keeps every `system:` identity out.
 */
const CLEAN = /^[A-Za-z0-9_+=,.@-]{2,64}$/;
const CLEAN_CHARACTER = /[A-Za-z0-9_+=,.@-]/;

/** Whether a string can be an operator. */
export function isCanonical(name: string): boolean {
  return CLEAN.test(name);
}

/**
 * Says what keeps a string from being an operator, or undefined if nothing does.
 * Nothing is ever replaced or cut: two humans must not become one.
 */
export function flawOf(name: string): string | undefined {
  if (isCanonical(name)) return undefined;
  for (const character of name) {
    if (!CLEAN_CHARACTER.test(character)) return `it contains ${spell(character)}`;
  }
  return name.length < 2
    ? `it has ${name.length} of the 2 characters needed`
    : `it has ${name.length} characters, 64 are allowed`;
}

/** A character as a reader can see it, control characters and look-alikes included. */
function spell(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return /^[\x21-\x7e]$/.test(character) ? `"${character}"` : `U+${code}`;
}
