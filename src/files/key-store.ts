import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, reasonOf } from '../errors.ts';
import { STAMP_KEYS_FILE } from '../names.ts';
import { keysAt, type PrivateKeys, writePrivateKeys, writePublicKeys } from '../stamp/keys.ts';
import { type KeyStore, needKeys } from '../stamp/store.ts';

/** The keys in a directory, for a webhook that runs outside a cluster. Nobody locks it: one command at a time. */
export function directoryKeyStore(directory: string): KeyStore {
  const privateFile = join(directory, STAMP_KEYS_FILE.private);
  const publicFile = join(directory, STAMP_KEYS_FILE.public);
  const read = async (): Promise<PrivateKeys | undefined> => keysAt(privateFile, await textOf(privateFile));
  return {
    read,
    change: async (plan) => {
      const present = await read();
      const wanted = plan(present);
      const keys = needKeys(wanted ?? present);
      if (wanted !== undefined) await replace(privateFile, writePrivateKeys(wanted), 0o600);
      const shown = writePublicKeys(keys);
      if ((await textOf(publicFile)) !== shown) await replace(publicFile, shown, 0o644);
      return keys;
    },
  };

  /** Never half a file, and never one that others may read, not even for a moment. */
  async function replace(path: string, text: string, mode: number): Promise<void> {
    const beside = `${path}.${randomUUID()}`;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(beside, text, { mode, flag: 'wx', flush: true });
      await rename(beside, path);
    } catch (cause) {
      await rm(beside, { force: true });
      throw new Fault('FileInvalid', `${path} cannot be written: ${reasonOf(cause)}`, { cause });
    }
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new Fault('FileInvalid', `${path} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
