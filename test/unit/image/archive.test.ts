import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Addition, type Archive, writeArchive } from '../../../.ci/image/archive.ts';

let dir: string;
let made: number;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'countersign-archive-'));
  made = 0;
});
afterEach(() => rmSync(dir, { recursive: true }));

it('makes an OCI layout in which every digest is that of its blob', async () => {
  const { digest } = await write({ layers: [layer({ 'bin/program': 'text' })] });
  const { index, blob, json } = open();
  expect(readFileSync(join(dir, 'opened', 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}');
  expect(index.manifests.map((each) => each.digest)).toEqual([digest]);
  const manifest = json(digest) as Manifest;
  const image = json(manifest.config.digest) as Image;
  for (const part of [...index.manifests, manifest.config, ...manifest.layers]) {
    expect(sha256(blob(part.digest))).toBe(part.digest);
    expect(blob(part.digest)).toHaveLength(part.size);
  }
  expect(image.rootfs.diff_ids).toEqual(manifest.layers.map((each) => sha256(gunzipSync(blob(each.digest)))));
  expect(readdirSync(join(dir, 'opened/blobs/sha256'))).toHaveLength(3);
});

it('makes the same bytes of the same files, whenever and in whatever order they were written', async () => {
  const first = await write({ layers: [layer({ 'a/one': '1', 'b/two': '2' })] });
  const bytes = readFileSync(join(dir, 'image.tar'));
  const later = layer({ 'b/two': '2', 'a/one': '1' });
  utimesSync(join(later, 'a/one'), 1, 1);
  expect(await write({ layers: [later] })).toEqual(first);
  expect(readFileSync(join(dir, 'image.tar')).equals(bytes)).toBe(true);
});

it('makes another image of files with another mode', async () => {
  const first = await write({ layers: [layer({ one: '1' })] });
  const other = layer({ one: '1' });
  chmodSync(join(other, 'one'), 0o755);
  expect((await write({ layers: [other] })).digest).not.toBe(first.digest);
});

it('puts layers on top of another image, and variables beside its own', async () => {
  const below = { Env: ['PATH=/bin', 'A=1'], User: '1', Labels: { a: '1' } };
  await write({ layers: [layer({ one: '1' })], configuration: below }, 'base.tar');
  const above = { Env: ['PATH=/opt', 'B=2'], Entrypoint: ['/two'], Labels: { b: '2' } };
  const { digest } = await write({ layers: [layer({ two: '2' })], configuration: above, base: join(dir, 'base.tar') });
  const { json } = open();
  const manifest = json(digest) as Manifest;
  expect(manifest.layers).toHaveLength(2);
  expect((json(manifest.config.digest) as Image).config).toEqual({
    Env: ['A=1', 'PATH=/opt', 'B=2'],
    User: '1',
    Entrypoint: ['/two'],
    Labels: { a: '1', b: '2' },
  });
});

it('refuses a base that holds several images, as it could only guess', async () => {
  const several = layer({ 'index.json': '{"manifests":[{},{}]}' });
  execFileSync('tar', ['-cf', join(dir, 'several.tar'), '-C', several, '.']);
  await expect(write({ layers: [], base: join(dir, 'several.tar') })).rejects.toThrow('exactly one OCI image');
});

interface Part {
  readonly digest: string;
  readonly size: number;
}
interface Manifest {
  readonly config: Part;
  readonly layers: readonly Part[];
}
interface Image {
  readonly config: object;
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

function write(addition: Partial<Addition>, name = 'image.tar'): Promise<Archive> {
  made += 1;
  const whole = { reference: 'test:1', layers: [], configuration: {}, ...addition };
  return writeArchive(join(dir, name), whole, join(dir, `work-${made}`));
}

function layer(files: Readonly<Record<string, string>>): string {
  made += 1;
  const root = join(dir, `layer-${made}`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), 0o644);
  }
  return root;
}

function open() {
  const opened = join(dir, 'opened');
  mkdirSync(opened);
  execFileSync('tar', ['-xf', join(dir, 'image.tar'), '-C', opened]);
  const blob = (digest: string) => readFileSync(join(opened, 'blobs', digest.replace(':', '/')));
  const json = (digest: string): unknown => JSON.parse(blob(digest).toString());
  const index = JSON.parse(readFileSync(join(opened, 'index.json'), 'utf8')) as { manifests: readonly Part[] };
  return { index, blob, json };
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
