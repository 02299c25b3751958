import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { filesFailed, PRIVATE, writeWhole } from '../files.ts';
import type { Environment } from '../settings.ts';

/** A directory of this session alone, mode 0700; it goes with the process, however that ends but by SIGKILL. */
export interface PrivateDirectory {
  readonly path: string;
  /** @throws Fault `SessionFilesFailed` */
  write(name: string, content: string): Promise<string>;
}

/**
 * Makes it where the user's own files for one log-in are, in memory, or else among the temporary files.
 *
 * @throws Fault `SessionFilesFailed`
 */
export function makePrivateDirectory(env: Environment): PrivateDirectory {
  // The command may go to another directory than ours. XDG has a path that is relative, or empty, count as none.
  const runtime = env['XDG_RUNTIME_DIR'] ?? '';
  const path = made([...(isAbsolute(runtime) ? [runtime] : []), resolve(tmpdir())]);
  // Not asynchronously: this is the last that the process does, whether the command ended or a failure was told.
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    async write(name, content) {
      const file = join(path, name);
      await writeWhole(file, content, PRIVATE);
      return file;
    },
  };
}

/** A variable that a log-in left behind may name a directory that is gone. */
function made([parent = '', ...others]: readonly string[]): string {
  const prefix = join(parent, 'countersign-session-');
  try {
    return mkdtempSync(prefix);
  } catch (thrown) {
    if (others.length > 0) return made(others);
    throw filesFailed(prefix, thrown);
  }
}
