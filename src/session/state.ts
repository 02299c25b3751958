import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesFailed, PRIVATE, writeWhole } from './files.ts';
import { isSecret, newSecret } from './secret.ts';
import type { SessionSettings } from './settings.ts';
import { credentialsFrom, type TemporaryCredentials } from './sts/credentials.ts';

/**
 * What a restart of the session container must find again: clients have the old secrets and trust the old CA, and STS
 * may be away. It lies in a memory volume that no other container has.
 */
export interface Store {
  /** @returns undefined when there is none, or it cannot be read: it is made anew then */
  read(name: string): Promise<string | undefined>;
  /** @throws Fault `SessionFilesFailed` */
  write(name: string, content: string): Promise<void>;
}

/** @throws Fault `SessionFilesFailed` when there is no such directory and it cannot be made */
export async function openStore(directory: string): Promise<Store> {
  try {
    if ((await mkdir(directory, { recursive: true, mode: PRIVATE.directory })) !== undefined) {
      await chmod(directory, PRIVATE.directory);
    }
  } catch (thrown) {
    throw filesFailed(directory, thrown);
  }
  return {
    read: (name) => readFile(join(directory, name), 'utf8').catch(() => undefined),
    write: (name, content) => writeWhole(join(directory, name), content, PRIVATE),
  };
}

/**
 * A secret, the same after a restart.
 *
 * @throws Fault `SessionFilesFailed`
 */
export async function keptSecret(store: Store, name: string): Promise<string> {
  const kept = await store.read(name);
  if (kept !== undefined && isSecret(kept)) return kept;
  const secret = newSecret();
  await store.write(name, secret);
  return secret;
}

const CREDENTIALS = 'credentials.json';

/** Less than this left, and a session does not begin with them. */
const USEFUL_MS = 60_000;

/** The credentials of before the restart, if they are this session's and still good. */
export async function keptCredentials(
  store: Store,
  settings: SessionSettings,
): Promise<TemporaryCredentials | undefined> {
  try {
    const kept: unknown = JSON.parse((await store.read(CREDENTIALS)) ?? 'null');
    if (typeof kept !== 'object' || kept === null) return undefined;
    const { of, ...answer } = kept as { of?: unknown };
    const credentials = credentialsFrom(answer);
    return of === ownerOf(settings) && credentials.expiration.getTime() > Date.now() + USEFUL_MS
      ? credentials
      : undefined;
  } catch {
    // Damaged: new ones are fetched, and written over it.
    return undefined;
  }
}

/** @throws Fault `SessionFilesFailed` */
export function keepCredentials(
  store: Store,
  settings: SessionSettings,
  credentials: TemporaryCredentials,
): Promise<void> {
  const content = {
    of: ownerOf(settings),
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    Expiration: credentials.expiration.toISOString(),
  };
  return store.write(CREDENTIALS, JSON.stringify(content));
}

/** Whose credentials these are, in which role; a container's variables never change, but a directory may be used again. */
function ownerOf({ operator, roleArn, sessionId }: SessionSettings): string {
  return JSON.stringify([operator, roleArn, sessionId]);
}
