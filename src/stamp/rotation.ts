import { quote } from '../denials.ts';
import { Fault } from '../errors.ts';
import { MOST_KEYS, newKey, type PrivateKeys } from './keys.ts';

/**
 * How the keys of stamps are replaced. Every step is a change of the one file, and what comes next can be seen from it:
 *
 * | order of the keys | where a rotation stands | what comes next |
 * | --- | --- | --- |
 * | …, the one that signs | none is under way | |
 * | …, the one that signs, another | the other is published | it signs, once every replica has it |
 *
 * What has signed stays, as the stamps that it signed stay: to take it away voids them, so it happens only by name.
 */

/** A first key, which signs at once: nobody has yet seen a stamp. */
export function firstKeys(): PrivateKeys {
  const key = newKey();
  return { signing: key.kid, keys: [key] };
}

/** `next` is published and has not signed yet. */
export type KeyRole = 'signing' | 'verifying' | 'next';

export function rolesOf({ signing, keys }: PrivateKeys): { readonly kid: string; readonly role: KeyRole }[] {
  const at = keys.findIndex(({ kid }) => kid === signing);
  return keys.map(({ kid }, index) => ({
    kid,
    role: index === at ? 'signing' : index < at ? 'verifying' : 'next',
  }));
}

/** The key that is to sign next, where a rotation is under way. */
export function nextKey(keys: PrivateKeys): string | undefined {
  return rolesOf(keys).findLast(({ role }) => role === 'next')?.kid;
}

/** Begins a rotation: every replica learns the key before one signs with it. @throws Fault `KeysInvalid` */
export function publishNext(keys: PrivateKeys): PrivateKeys {
  if (keys.keys.length >= MOST_KEYS) {
    throw new Fault(
      'KeysInvalid',
      `there are ${keys.keys.length} stamp keys already, and ${MOST_KEYS} are the most. ` +
        'Next: take those away whose stamps are no longer needed, with "countersign keys retire KID"',
    );
  }
  return { ...keys, keys: [...keys.keys, newKey()] };
}

/** Ends a rotation. */
export function signWith(keys: PrivateKeys, kid: string): PrivateKeys {
  const others = keys.keys.filter((key) => key.kid !== kid);
  const chosen = keys.keys.filter((key) => key.kid === kid);
  // The last, so that every other one counts as one that has signed: nothing is left over to sign by accident.
  return { signing: kid, keys: [...others, ...chosen] };
}

/** Takes a key away, and with it every stamp that it signed. @throws Fault `KeysInvalid` */
export function retireKey(keys: PrivateKeys, kid: string): PrivateKeys {
  if (!keys.keys.some((key) => key.kid === kid)) {
    throw new Fault(
      'KeysInvalid',
      `there is no stamp key ${quote(kid)}. Next: "countersign keys list" shows those there are`,
    );
  }
  if (kid === keys.signing) {
    throw new Fault(
      'KeysInvalid',
      `stamp key ${quote(kid)} is the one that signs. Next: "countersign keys rotate", then retire it`,
    );
  }
  return { ...keys, keys: keys.keys.filter((key) => key.kid !== kid) };
}
