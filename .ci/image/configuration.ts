import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The project's directory. */
export const root = join(import.meta.dirname, '../..');

export const { name, version, description, license } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as Readonly<Record<'name' | 'version' | 'description' | 'license', string>>;

/** What an image says of itself (OCI image specification, "Image Configuration"); the part of it that is used here. */
export interface Configuration {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** Countersign's image. A test holds the Dockerfile against it. */
export const configuration: Configuration = {
  // Neither root nor anybody else's number; the session container has one of its own, in the pod.
  User: '65532:65532',
  Env: ['PATH=/usr/local/bin'],
  Entrypoint: ['/usr/local/bin/countersign'],
  WorkingDir: '/',
  Labels: {
    'org.opencontainers.image.title': name,
    'org.opencontainers.image.description': description,
    'org.opencontainers.image.licenses': license,
  },
};
