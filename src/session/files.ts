import { readdirSync, rmSync } from 'node:fs';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault, reasonOf } from '../errors.ts';

/** Readable by every container, whatever its user; the mounts there are read-only besides. */
export const PUBLIC = { file: 0o444, directory: 0o755 } as const;
/** Ours alone. */
export const PRIVATE = { file: 0o600, directory: 0o700 } as const;

type Modes = typeof PUBLIC | typeof PRIVATE;

/** What a file that is not finished yet is called. */
const UNFINISHED = '.new';

/**
 * Writes a file in one step: a reader sees all of it or what was there before. The mode is set explicitly, as the umask
 * is the image's.
 *
 * Nothing is synced to a disk: the volumes are in memory, and what a node loses it loses with the pod.
 *
 * @throws Fault `SessionFilesFailed`
 */
export async function writeWhole(path: string, content: string, modes: Modes): Promise<void> {
  const unfinished = `${path}${UNFINISHED}`;
  try {
    // What a killed process left.
    await rm(unfinished, { force: true });
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.chmod(modes.file);
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (thrown) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw filesFailed(path, thrown);
  }
}

/**
 * Puts files into the shared directory, with their directories; the application sees them from now on. They are written
 * last of all, when nothing else can fail.
 *
 * @param files content by path within the directory
 * @throws Fault `SessionFilesFailed`
 */
export async function publish(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    if (dirname(name) !== '.') await publicDirectory(dirname(path));
    await writeWhole(path, content, PUBLIC);
  }
}

/** The directory stays the same when the session container starts again: others have it mounted by its inode. */
async function publicDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await chmod(path, PUBLIC.directory);
  } catch (thrown) {
    throw filesFailed(path, thrown);
  }
}

/**
 * Takes out every file of the shared directory, so that a failure leaves nothing. Directories stay, see above. What
 * cannot be taken out does not hide the failure that led here.
 */
export function withdraw(directory: string): void {
  try {
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      if (!entry.isDirectory()) rmSync(join(entry.parentPath, entry.name), { force: true });
    }
  } catch {
    // There is no such directory, so nothing was published; or it is not ours to write, so neither was there.
  }
}

/** Removes one file if it is there. */
export function removeFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (thrown) {
    throw filesFailed(path, thrown);
  }
}

export function filesFailed(path: string, thrown: unknown): Fault {
  const full = thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOSPC' || thrown.code === 'EDQUOT');
  return new Fault(
    'SessionFilesFailed',
    full
      ? `${path} cannot be written: the volume is full. Next: start the pod anew, as only the session writes there; if ` +
          'it comes back, raise the memory limit of the session container, as memory volumes count towards it'
      : `${path} cannot be written: ${reasonOf(thrown)}. ` +
          'Next: see that the session’s volumes are mounted as the webhook planned, and start the pod anew',
    { cause: thrown },
  );
}
