import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Configuration } from './configuration.ts';
import { pack, unpack } from './tar.ts';

/*
 * Images as the OCI image specification 1.1 has them: https://github.com/opencontainers/image-spec
 * An archive is a tar of `oci-layout`, `index.json` and `blobs/`.
 */

const TYPE = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

interface Image {
  readonly created?: string;
  readonly architecture: string;
  readonly os: string;
  readonly config: Configuration;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] };
  readonly history?: readonly object[];
}

/** What an image has more than the one that it is made from, which may be nothing. */
export interface Addition {
  /** Name and tag, as in `countersign:0.1.0`. */
  readonly reference: string;
  /** Directories; the content of each becomes a layer, the first the lowest. */
  readonly layers: readonly string[];
  readonly configuration: Configuration;
  /** An archive with one image. */
  readonly base?: string;
}

export interface Archive {
  /** Of the manifest: what pods name the image by. */
  readonly digest: string;
  /** What a node downloads, in bytes: layers, configuration, manifest. */
  readonly compressedBytes: number;
}

/**
 * Writes an archive. The same files make the same bytes.
 *
 * @param workDir an empty directory for what comes between
 */
export async function writeArchive(file: string, addition: Addition, workDir: string): Promise<Archive> {
  const layout = join(workDir, 'layout');
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const below = addition.base === undefined ? undefined : readBase(addition.base, layout);

  const layers = [...(below?.manifest.layers ?? [])];
  const diffIds = [...(below?.image.rootfs.diff_ids ?? [])];
  for (const dir of addition.layers) {
    const { descriptor, diffId } = await writeLayer(dir, blobs);
    layers.push(descriptor);
    diffIds.push(diffId);
  }
  const image: Image = {
    created: EPOCH,
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: merge(below?.image.config ?? {}, addition.configuration),
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: [
      ...(below?.image.history ?? []),
      ...addition.layers.map(() => ({ created: EPOCH, created_by: '.ci/image.ts' })),
    ],
  };
  const config = writeBlob(blobs, TYPE.config, image);
  const manifest = writeBlob(blobs, TYPE.manifest, { schemaVersion: 2, mediaType: TYPE.manifest, config, layers });
  // The first is how containerd calls what it imports, the second the specification's name for a tag.
  const annotations = {
    'io.containerd.image.name': `docker.io/library/${addition.reference}`,
    'org.opencontainers.image.ref.name': addition.reference.split(':')[1] ?? 'latest',
  };
  const index = { schemaVersion: 2, mediaType: TYPE.index, manifests: [{ ...manifest, annotations }] };
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));

  const { stream, done } = pack(layout);
  await Promise.all([pipeline(stream, createWriteStream(`${file}.tmp`)), done]);
  renameSync(`${file}.tmp`, file);
  const compressedBytes = [manifest, config, ...layers].reduce((sum, { size }) => sum + size, 0);
  return { digest: manifest.digest, compressedBytes };
}

/** The time of everything in an image: a real one would make other bytes of the same files. */
const EPOCH = '1970-01-01T00:00:00Z';

/** Lists of variables are joined, as a base's have to stay; of two with one name the addition's counts. */
function merge(base: Configuration, addition: Configuration): Configuration {
  const nameOf = (variable: string) => variable.slice(0, variable.indexOf('='));
  const added = new Set(addition.Env?.map(nameOf));
  const env = [...(base.Env ?? []).filter((variable) => !added.has(nameOf(variable))), ...(addition.Env ?? [])];
  return { ...base, ...addition, Env: env, Labels: { ...base.Labels, ...addition.Labels } };
}

/** Takes the blobs of the one image in an archive. What else the archive holds is left out. */
function readBase(archive: string, layout: string): { readonly manifest: Manifest; readonly image: Image } {
  const dir = `${layout}.base`;
  unpack(archive, dir);
  const blob = ({ digest }: Descriptor) => join(dir, 'blobs', digest.replace(':', '/'));
  const { manifests } = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
  const [found, ...more] = manifests;
  if (found?.mediaType !== TYPE.manifest || more.length > 0) {
    throw new Error(`${archive} does not hold exactly one OCI image. Next: export the image for one platform.`);
  }
  const manifest = JSON.parse(readFileSync(blob(found), 'utf8')) as Manifest;
  const image = JSON.parse(readFileSync(blob(manifest.config), 'utf8')) as Image;
  for (const layer of manifest.layers) renameSync(blob(layer), join(layout, 'blobs', layer.digest.replace(':', '/')));
  rmSync(dir, { recursive: true });
  return { manifest, image };
}

async function writeLayer(dir: string, blobs: string): Promise<{ descriptor: Descriptor; diffId: string }> {
  const { stream, done } = pack(dir);
  const plain = createHash('sha256');
  const compressed = createHash('sha256');
  const unfinished = join(blobs, 'unfinished');
  let size = 0;
  const counted = new PassThrough().on('data', (chunk: Buffer) => {
    compressed.update(chunk);
    size += chunk.length;
  });
  stream.on('data', (chunk: Buffer) => plain.update(chunk));
  await Promise.all([pipeline(stream, createGzip(), counted, createWriteStream(unfinished)), done]);
  const digest = `sha256:${compressed.digest('hex')}`;
  renameSync(unfinished, join(blobs, digest.replace('sha256:', '')));
  return { descriptor: { mediaType: TYPE.layer, digest, size }, diffId: `sha256:${plain.digest('hex')}` };
}

function writeBlob(blobs: string, mediaType: string, content: object): Descriptor {
  const text = Buffer.from(JSON.stringify(content));
  const hash = createHash('sha256').update(text).digest('hex');
  writeFileSync(join(blobs, hash), text);
  return { mediaType, digest: `sha256:${hash}`, size: text.length };
}
