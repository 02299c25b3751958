import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';

/** A shared library of this machine that the program in the image needs. */
export interface Library {
  /** Where it is, and where the program's loader looks for it. */
  readonly path: string;
  readonly sha256: string;
  /** The Debian package that it is from, where that is known: scanners go by it. */
  readonly debian: { readonly name: string; readonly version: string } | undefined;
}

/** The libraries that a program is linked with, and the loader that links them. */
export function librariesOf(program: string): Library[] {
  const lines = execFileSync('ldd', [program], { encoding: 'utf8' }).trimEnd().split('\n');
  const missing = lines.filter((line) => line.includes('not found'));
  if (missing.length > 0) {
    throw new Error(`${program} does not run here:\n${missing.join('\n')}\nNext: install these libraries.`);
  }
  // Those without a path are the kernel's.
  const paths = lines.map((line) => /(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1]).filter((path) => path !== undefined);
  return paths.toSorted().map((path) => ({
    path,
    sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
    debian: debianPackage(path),
  }));
}

function debianPackage(path: string): Library['debian'] {
  // Of /lib, which is a link to /usr/lib nowadays, packages know one name or the other.
  for (const known of [path, realpathSync(path), `/usr${path}`]) {
    const owner = query('--search', known)?.split(': ')[0];
    if (owner === undefined) continue;
    const version = query('--show', '--showformat=${Version}', owner);
    const name = owner.split(':')[0];
    if (version !== undefined && name !== undefined) return { name, version };
  }
  return undefined;
}

function query(...args: string[]): string | undefined {
  try {
    return execFileSync('dpkg-query', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}
