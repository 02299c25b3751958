import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A Python and where its packages are, for `PYTHONPATH`; or why there is none. */
export type PythonPackages =
  | { readonly python: string; readonly path: string; readonly unavailable?: undefined }
  | { readonly unavailable: string };

const run = promisify(execFile);

/**
 * Installs packages from a list beside this file into the user's cache directory, once per list and Python.
 *
 * By `pip install --target`, which needs neither a virtual environment nor rights on the system. The list names every
 * package and version that is needed, so that nothing is resolved anew.
 *
 * @param list such as `aws-clients.txt`
 * @throws Error when pip cannot install what is listed
 */
export async function pythonPackages(list: string): Promise<PythonPackages> {
  const found = await findPython();
  if ('unavailable' in found) return found;
  const file = join(import.meta.dirname, list);
  const key = createHash('sha256')
    .update(`${found.version}\n`)
    .update(await readFile(file))
    .digest('hex');
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'countersign');
  const path = join(cache, `python-${key.slice(0, 16)}`);
  if (!existsSync(path)) await install(found.python, file, path);
  return { python: found.python, path };
}

async function install(python: string, list: string, path: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`;
  await mkdir(unfinished, { recursive: true });
  try {
    const target = ['--no-deps', '--target', unfinished, '--requirement', list];
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...target]);
    // Another test file may have been faster; then its packages serve.
    await rename(unfinished, path).catch((error: unknown) => {
      if (!existsSync(path)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Its real path, as a shim that first looks for the version to start costs a tenth of a second each time. */
const DESCRIBE = 'import sys, pip; print(sys.executable, sys.version.split()[0], *sys.version_info[:2], sep="\\n")';

async function findPython(): Promise<{ python: string; version: string } | { unavailable: string }> {
  try {
    const { stdout } = await run('python3', ['-c', DESCRIBE]);
    const [python = '', version = '', major, minor] = stdout.split('\n');
    if (Number(major) === 3 && Number(minor) >= 10) return { python, version: `${version} ${process.arch}` };
    return { unavailable: `Python 3.10 or later is needed (here: ${version})` };
  } catch {
    return { unavailable: 'Python 3 with pip is needed (Debian: python3-pip)' };
  }
}
