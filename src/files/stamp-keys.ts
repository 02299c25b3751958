import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, reasonOf } from '../errors.ts';
import { OBJECT, STAMP_KEYS_FILE } from '../names.ts';
import { loadKeys, parsePrivateKeys, type StampKeys } from '../stamp/keys.ts';
import { readVolume } from './volume.ts';

/**
 * Reads the keys that stamps are signed and verified with from a mounted Secret: one file, `keys.json`, with all of
 * them, so that a replica never has the key that signs without those that verify.
 *
 * @throws Fault `KeysInvalid` when there is no such file (the Secret is empty until `countersign bootstrap` has run) or
 * what it holds cannot be used; the message holds no part of a key
 */
export async function readStampKeys(directory: string): Promise<StampKeys> {
  const text = await readVolume(directory, (from) => readFile(join(from, STAMP_KEYS_FILE.private), 'utf8')).catch(
    (cause: unknown) => {
      throw new Fault(
        'KeysInvalid',
        `${directory} holds no readable ${STAMP_KEYS_FILE.private}; has "countersign bootstrap" run?`,
        { cause },
      );
    },
  );
  try {
    return loadKeys(parsePrivateKeys(text));
  } catch (cause) {
    throw new Fault(
      'KeysInvalid',
      `${join(directory, STAMP_KEYS_FILE.private)}: ${reasonOf(cause)}. Next: put Secret ${OBJECT.stampKeysSecret} back`,
      { cause },
    );
  }
}

/**
 * Tells two sets of keys apart, for `Watched`. Ids suffice, as each is the thumbprint of its key; which one signs
 * matters, the order of the others does not.
 */
export function fingerprintOfStampKeys({ signing, verifying }: StampKeys): string {
  return [signing.kid, ...[...verifying.keys()].toSorted()].join(' ');
}
