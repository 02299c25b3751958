import { createHash, timingSafeEqual } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../errors.ts';
import { readVolume } from '../files/volume.ts';

/** 32 random bytes as base64url, or longer. */
const SHAPE = /^[A-Za-z0-9_-]{43,256}$/;

/**
 * The secrets that the webhook's path may hold. Several are valid while one is being replaced.
 *
 * The secret keeps those who can reach the port, but are not the API server, from asking for decisions with made-up
 * requesters. Nothing depends on it alone: API servers print the URL in errors.
 */
export class PathSecrets {
  readonly #secrets: readonly Buffer[];

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.map((secret) => Buffer.from(secret));
  }

  get size(): number {
    return this.#secrets.length;
  }

  /**
   * Compares with every secret, so that the time tells nothing about which one, or how much of it, was right. It may
   * tell the length, which this file does.
   */
  has(candidate: string): boolean {
    const offered = Buffer.from(candidate);
    let found = false;
    for (const known of this.#secrets) {
      if (known.length === offered.length && timingSafeEqual(known, offered)) found = true;
    }
    return found;
  }
}

/**
 * Reads every file of a Secret volume as one secret.
 *
 * @throws Fault `FileInvalid` when there is none, or one is too short to be a secret
 */
export async function readPathSecrets(directory: string): Promise<readonly string[]> {
  const [names, secrets] = await readVolume(directory, readFiles);
  if (secrets.length === 0)
    throw new Fault('FileInvalid', `${directory} holds no path secret; has "countersign bootstrap" run?`);
  const bad = secrets.findIndex((secret) => !SHAPE.test(secret));
  if (bad >= 0) {
    throw new Fault(
      'FileInvalid',
      `${join(directory, names[bad] ?? '')} is not a path secret: 43 to 256 characters of A-Z a-z 0-9 _ - are needed`,
    );
  }
  return secrets;
}

async function readFiles(directory: string): Promise<readonly [names: string[], contents: string[]]> {
  // Kubernetes keeps its own links in names that begin with two dots.
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.')).toSorted();
  return [names, await Promise.all(names.map(async (name) => (await readFile(join(directory, name), 'utf8')).trim()))];
}

/** Tells two sets of secrets apart without keeping them. */
export function fingerprintOfSecrets(secrets: readonly string[]): string {
  return digest(secrets.join('\n')).toString('hex');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
