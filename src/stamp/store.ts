import { quote } from '../denials.ts';
import { Fault } from '../errors.ts';
import type { PrivateKeys } from './keys.ts';
import { firstKeys, nextKey, publishNext, retireKey, signWith } from './rotation.ts';

/** Where the keys of stamps are kept: a Secret with its ConfigMap, or a directory. */
export interface KeyStore {
  /** @throws Fault `KeysInvalid` when what is there cannot be used */
  read(): Promise<PrivateKeys | undefined>;
  /**
   * Writes what `plan` makes of the keys, decided anew if they change meanwhile, and then publishes their public halves,
   * whether or not the keys changed, so that whatever died between the two is mended.
   *
   * @param plan answers undefined to leave the keys as they are
   * @returns the keys as they are then
   */
  change(plan: (present: PrivateKeys | undefined) => PrivateKeys | undefined): Promise<PrivateKeys>;
}

/** Makes a first key where there is none. */
export async function initKeys(store: KeyStore): Promise<{ readonly made: boolean; readonly signing: string }> {
  let made = false;
  const { signing } = await store.change((present) => {
    made = present === undefined;
    return present === undefined ? firstKeys() : undefined;
  });
  return { made, signing };
}

/**
 * Lets a new key sign. It is published first, and signs only when every replica has had time to learn it: a stamp whose
 * key a replica does not know is refused there. A rotation that died in between is gone on with.
 *
 * @param settle waits until every replica knows the key
 * @throws Fault `KeysInvalid` when somebody else changed the keys in another way meanwhile
 */
export async function rotateKeys(
  store: KeyStore,
  settle: (kid: string) => Promise<void>,
): Promise<{ readonly from: string; readonly to: string }> {
  const published = await store.change((keys) => {
    const present = needKeys(keys);
    return nextKey(present) === undefined ? publishNext(present) : undefined;
  });
  const from = published.signing;
  const to = nextKey(published) ?? from;
  await settle(to);
  await store.change((keys) => {
    const present = needKeys(keys);
    // A run beside this one was quicker.
    if (present.signing === to) return undefined;
    if (present.signing === from && present.keys.some(({ kid }) => kid === to)) return signWith(present, to);
    throw new Fault(
      'KeysInvalid',
      `somebody else changed the stamp keys meanwhile, so ${quote(to)} does not sign. ` +
        'Next: "countersign keys list" shows how it stands; then rotate again',
    );
  });
  return { from, to };
}

/** Voids every stamp that a key signed. */
export async function retireKeyOf(store: KeyStore, kid: string): Promise<void> {
  await store.change((keys) => retireKey(needKeys(keys), kid));
}

/** @throws Fault `KeysInvalid` when there are none */
export function needKeys(keys: PrivateKeys | undefined): PrivateKeys {
  if (keys === undefined) {
    throw new Fault('KeysInvalid', 'there are no stamp keys. Next: "countersign keys init" makes the first one');
  }
  return keys;
}
