import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CONTAINER } from '../../src/names.ts';
import { bundle } from '../bundle.ts';
import { root } from './configuration.ts';
import { librariesOf } from './libraries.ts';
import { billOfMaterials, nodePackage } from './sbom.ts';

/** Node's path in the image. */
const NODE = '/usr/local/bin/node';

/** The one that npm installed by the lock file, and not the one that the machine happens to have. */
const lockedNode = join(root, 'node_modules', nodePackage, 'bin/node');

/** Where the image says what is in it. */
export const SBOM = '/usr/share/countersign/sbom.cdx.json';

/** Directories whose content becomes one layer each; the first changes with Node, the second with every commit. */
export interface Contents {
  readonly layers: readonly [runtime: string, program: string];
  readonly sbom: string;
}

/**
 * Puts into `dir` everything that the image holds: this is the one list of it, for `npm run image` and for the
 * Dockerfile. There is no shell and no package manager, nothing that a stranger inside could use.
 *
 * @param onBase whether an image that brings C libraries and users lies below
 */
export async function stage(dir: string, onBase: boolean): Promise<Contents> {
  const runtime = join(dir, 'runtime');
  const program = join(dir, 'program');
  const libraries = onBase ? [] : librariesOf(lockedNode);
  copy(lockedNode, runtime, NODE, 0o755);
  copy(join(dirname(lockedNode), '../LICENSE'), runtime, '/usr/share/doc/node/LICENSE', 0o644);
  for (const { path } of libraries) copy(path, runtime, path, 0o755);
  if (!onBase) {
    for (const [path, text] of Object.entries(SYSTEM)) write(runtime, path, text);
    mkdirSync(join(runtime, 'tmp'));
  }

  const files = join(program, 'countersign');
  await bundle('countersign', 'src/main.ts', files);
  const main = join(files, 'countersign.js');
  const source = readFileSync(main, 'utf8');
  if (!source.startsWith(`${SOURCE_HASHBANG}\n`)) throw new Error(`${main} does not begin with ${SOURCE_HASHBANG}`);
  // There is no `env` in the image.
  writeFileSync(main, source.replace(SOURCE_HASHBANG, `#!${NODE}`));
  mkdirSync(join(program, dirname(CONTAINER.program)), { recursive: true });
  symlinkSync('/countersign/countersign.js', join(program, CONTAINER.program));
  const sbom = billOfMaterials(libraries);
  write(program, SBOM, sbom);

  chmodSync(main, 0o755);
  setModes(dir);
  if (!onBase) chmodSync(join(runtime, 'tmp'), 0o1777);
  return { layers: [runtime, program], sbom };
}

const SOURCE_HASHBANG = '#!/usr/bin/env node';

/** What the C library and people who look at processes expect. */
const SYSTEM = {
  '/etc/passwd':
    'root:x:0:0:root:/:/nologin\n' +
    'countersign:x:65532:65532:countersign:/:/nologin\n' +
    `session:x:${CONTAINER.user}:${CONTAINER.user}:countersign session:/:/nologin\n`,
  '/etc/group': `root:x:0:\ncountersign:x:65532:\nsession:x:${CONTAINER.user}:\n`,
  '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

function copy(from: string, layer: string, to: string, mode: number): void {
  mkdirSync(join(layer, dirname(to)), { recursive: true });
  copyFileSync(from, join(layer, to));
  chmodSync(join(layer, to), mode);
}

function write(layer: string, path: string, text: string): void {
  mkdirSync(join(layer, dirname(path)), { recursive: true });
  writeFileSync(join(layer, path), text);
}

/** Everybody may read, and run what its owner may run, whatever the umask of whoever builds it is. */
function setModes(dir: string): void {
  chmodSync(dir, 0o755);
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}
