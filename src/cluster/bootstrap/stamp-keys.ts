import { OBJECT, STAMP_KEYS_FILE } from '../../names.ts';
import { keysAt, type PrivateKeys, writePrivateKeys, writePublicKeys } from '../../stamp/keys.ts';
import { firstKeys } from '../../stamp/rotation.ts';
import type { Change, SecretChange, SecretData } from './change.ts';

/** The Secret with the keys that stamps are signed with, and the ConfigMap that shows their public halves. */

const { private: PRIVATE, public: PUBLIC } = STAMP_KEYS_FILE;

/** Makes the first key where there is none. @throws Fault `KeysInvalid` when what is there cannot be used */
export function planStampKeys(data: SecretData): SecretChange | undefined {
  if (stampKeysIn(data) !== undefined) return undefined;
  return changeTo(firstKeys(), { outcome: 'made', because: 'there was none' });
}

/** @throws Fault `KeysInvalid` when what is there cannot be used */
export function stampKeysIn(data: SecretData): PrivateKeys | undefined {
  return keysAt(`Secret ${OBJECT.stampKeysSecret}, ${PRIVATE}`, data[PRIVATE]);
}

export function changeTo(keys: PrivateKeys, why: Pick<SecretChange, 'outcome' | 'because'>): SecretChange {
  return { ...why, patch: { [PRIVATE]: writePrivateKeys(keys) } };
}

export type ConfigMapData = Readonly<Record<string, string | undefined>>;
export type ConfigMapPatch = Readonly<Record<string, string>>;

/** Decides what the ConfigMap needs to show the keys of the Secret. */
export function planPublicKeys(data: ConfigMapData, keys: PrivateKeys): Change<ConfigMapPatch> | undefined {
  const wanted = writePublicKeys(keys);
  const found = data[PUBLIC];
  if (found === wanted) return undefined;
  const patch = { [PUBLIC]: wanted };
  if (!found) return { outcome: 'made', because: 'there was none', patch };
  return { outcome: 'repaired', because: `${PUBLIC} did not hold the keys of the Secret`, patch };
}
