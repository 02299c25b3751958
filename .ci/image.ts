/**
 * Makes the image without a container engine:
 *   npm run image                        dist/countersign.oci.tar, and its bill of materials beside it
 *   npm run image -- --base ARCHIVE      on top of another OCI archive, which brings the C libraries
 *   npm run image -- --rootfs DIRECTORY  only its files, for the Dockerfile
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeArchive } from './image/archive.ts';
import { configuration, name, root, version } from './image/configuration.ts';
import { stage } from './image/contents.ts';

const { values } = parseArgs({ options: { base: { type: 'string' }, rootfs: { type: 'string' } } });
const workDir = mkdtempSync(join(tmpdir(), 'countersign-image-'));
process.once('exit', () => rmSync(workDir, { recursive: true, force: true }));

const { layers, sbom } = await stage(join(workDir, 'root'), values.base !== undefined);
if (values.rootfs !== undefined) {
  for (const layer of layers) cpSync(layer, values.rootfs, { recursive: true, verbatimSymlinks: true });
} else {
  const dist = join(root, 'dist');
  mkdirSync(dist, { recursive: true });
  const file = join(dist, `${name}.oci.tar`);
  const base = values.base === undefined ? {} : { base: resolve(values.base) };
  const addition = { reference: `${name}:${version}`, layers, configuration, ...base };
  const { digest, compressedBytes } = await writeArchive(file, addition, workDir);
  writeFileSync(join(dist, `${name}.cdx.json`), sbom);
  console.log(`${file}\n${name}@${digest}\n${(compressedBytes / 1e6).toFixed(1)} MB compressed`);
}
