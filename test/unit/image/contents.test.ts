import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configuration, root } from '../../../.ci/image/configuration.ts';
import { type Contents, SBOM, stage } from '../../../.ci/image/contents.ts';

describe.skipIf(process.platform !== 'linux')('the image (elsewhere than on Linux none is made)', () => {
  let dir: string;
  let contents: Contents;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'countersign-contents-'));
    contents = await stage(dir, false);
  }, 60_000);
  afterAll(() => rmSync(dir, { recursive: true }));

  const [RUNTIME, PROGRAM] = [0, 1] as const;
  const inside = (layer: 0 | 1, path: string) => join(contents.layers[layer], path);
  const files = () =>
    contents.layers.flatMap((layer) =>
      readdirSync(layer, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name).slice(layer.length)),
    );

  it('holds Node, its C libraries, the bundles, and nothing to work with for a stranger', () => {
    const known =
      /^\/(usr\/local\/bin\/(node|countersign)|lib(64|\/[a-z0-9_-]+)\/[a-z0-9_+.-]+\.so\.[0-9]+|etc\/(passwd|group|nsswitch\.conf)|usr\/share\/(doc\/node\/LICENSE|countersign\/sbom\.cdx\.json)|countersign\/([\w.-]+\.js(\.LEGAL\.txt)?|package\.json))$/;
    expect(files().filter((path) => !known.test(path))).toEqual([]);
    expect(files().filter((path) => path.endsWith('.ts') || path.includes('.test.'))).toEqual([]);
  });

  it('starts by the path that pods name, without a shell and without env', () => {
    const target = readlinkSync(inside(PROGRAM, '/usr/local/bin/countersign'));
    expect(readFileSync(inside(PROGRAM, target), 'utf8').split('\n')[0]).toBe('#!/usr/local/bin/node');
    expect(statSync(inside(PROGRAM, target)).mode & 0o777).toBe(0o755);
    expect(statSync(inside(RUNTIME, '/usr/local/bin/node')).mode & 0o777).toBe(0o755);
  });

  it('lets every user read everything, and write nothing but /tmp', () => {
    const modes = new Map<number, string[]>();
    for (const layer of contents.layers) {
      for (const entry of readdirSync(layer, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (entry.isSymbolicLink()) continue;
        const { mode } = statSync(path);
        modes.set(mode & 0o7777, [...(modes.get(mode & 0o7777) ?? []), path.slice(layer.length)]);
      }
    }
    expect([...modes.keys()].toSorted((a, b) => a - b)).toEqual([0o644, 0o755, 0o1777]);
    expect(modes.get(0o1777)).toEqual(['/tmp']);
  });

  it('says what is in it: each package that the program may use, no tool of development, each C library', () => {
    const bom = JSON.parse(readFileSync(inside(PROGRAM, SBOM), 'utf8')) as {
      components: { name: string; version?: string }[];
    };
    expect(`${JSON.stringify(bom, undefined, 2)}\n`).toBe(contents.sbom);
    const names = bom.components.map(({ name }) => name);
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    expect(names).toEqual(expect.arrayContaining(Object.keys(dependencies)));
    const tools = new Set(Object.keys(devDependencies).filter((name) => !name.startsWith('@types/')));
    expect(names.filter((name) => tools.has(name))).toEqual([]);
    expect(names).toEqual(expect.arrayContaining(files().filter((path) => path.startsWith('/lib'))));
    expect(names.filter((name) => name.startsWith('node-linux-'))).toEqual([`node-linux-${process.arch}`]);
  });
});

it('is described by the Dockerfile in the same words', () => {
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
  const last = dockerfile.slice(dockerfile.lastIndexOf('FROM ')).replaceAll(/\s*\\\n\s*/g, ' ');
  const { User, Env = [], Entrypoint, WorkingDir, Labels = {} } = configuration;
  const labels = Object.entries(Labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  expect(last.split('\n').filter((line) => /^[A-Z]/.test(line))).toEqual([
    'FROM scratch',
    `LABEL ${labels.join(' ')}`,
    ...Env.map((variable) => `ENV ${variable}`),
    `WORKDIR ${WorkingDir}`,
    'COPY --from=build /out/ /',
    `USER ${User}`,
    `ENTRYPOINT ${JSON.stringify(Entrypoint)}`,
  ]);
});
