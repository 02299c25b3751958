import { build, type Metafile } from 'esbuild';
import { expect, test } from 'vitest';

/** What runs in every pod starts fast and small by what it does not load. */
const { metafile } = await build({
  entryPoints: { session: 'src/commands/session.ts' },
  outdir: 'unused',
  write: false,
  bundle: true,
  splitting: true,
  metafile: true,
  format: 'esm',
  platform: 'node',
});

/** The packages below a source file: what loads with it, and what may be loaded later. */
function packagesOf(entry: string, { inputs }: Metafile, kinds: readonly string[]): string[] {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { path: imported, kind, external } of inputs[path]?.imports ?? []) {
      if (external !== true && kinds.includes(kind)) visit(imported);
    }
  };
  visit(entry);
  const packages = [...seen].flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  return [...new Set(packages)].toSorted();
}

const STATIC = ['import-statement', 'require-call'];
const ALL = [...STATIC, 'dynamic-import'];

test.for([
  ['src/commands/session.ts', []],
  ['src/session/run.ts', ['aws4']],
  ['src/session/init.ts', ['aws4']],
  ['src/session/await-ready.ts', []],
] as const)('%s loads of packages: %s', ([entry, packages]) => {
  expect(metafile.inputs).toHaveProperty([entry]);
  expect(packagesOf(entry, metafile, STATIC)).toEqual(packages);
});

test('the sidecar loads nothing more later', () => {
  expect(packagesOf('src/session/run.ts', metafile, ALL)).toEqual(['aws4']);
});
