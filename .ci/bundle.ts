import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { builtinsAsObjects } from './builtins.ts';

/** A file that was written, and its size. */
export interface Bundled {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Puts a program and the libraries it uses into a few files: reading a thousand from node_modules takes longer than
 * everything else at the start. What the program imports dynamically becomes a file of its own, read when it is asked
 * for.
 *
 * @param name the program's file in `outdir`, without `.js`
 * @param plugins what a measurement puts in the place of something
 */
export async function bundle(name: string, source: string, outdir: string, plugins: Plugin[] = []): Promise<Bundled[]> {
  const { metafile } = await build({
    absWorkingDir: dirname(import.meta.dirname),
    entryPoints: { [name]: source },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    // Identifiers keep their names, which stack traces show and some libraries read.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    // Libraries in CommonJS ask for Node's own modules by `require`, which an ES module does not have.
    banner: {
      js: "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);",
    },
    plugins: [builtinsAsObjects, ...plugins],
    metafile: true,
    logLevel: 'warning',
  });
  // Without it Node finds out what the files are by parsing them twice, wherever they are copied to.
  writeFileSync(join(outdir, 'package.json'), '{ "type": "module" }\n');
  return Object.entries(metafile.outputs).map(([path, { bytes }]) => ({ path, bytes }));
}
