import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readPathSecrets } from '../../src/admission/path-secret.ts';
import { readServingCertificate } from '../../src/tls/files.ts';
import { newServing } from './support/certificates.ts';
import { Volume } from './support/volume.ts';
import { newSecret } from './support/webhook.ts';

function newVolume(files: Record<string, string>): Volume {
  const volume = new Volume(files);
  onTestFinished(() => volume.remove());
  return volume;
}

/**
 * Many readings, each begun while the volume is as it was before and ending after it was replaced: what they gave, or
 * what they failed for.
 */
async function readings<Value>(
  volume: Volume,
  versions: readonly Record<string, string>[],
  read: () => Promise<Value>,
) {
  const results: Promise<unknown>[] = [];
  for (let round = 0; round < 500; round += 1) {
    results.push(read().catch((error: unknown) => error));
    // Lets the reading get to one of its steps, each time to another.
    for (let turn = 0; turn < round % 8; turn += 1) await new Promise(setImmediate);
    volume.replace(versions[round % versions.length] ?? {});
  }
  return Promise.all(results);
}

describe('a volume that is replaced while it is read', () => {
  it('gives all secrets that are valid together, never some of them', async () => {
    const [a, b, c] = [newSecret(), newSecret(), newSecret()];
    const versions = [{ current: b, previous: a }, { current: b }, { current: c, previous: b, other: a }, { next: a }];
    const volume = newVolume({ current: b });
    const sets = await readings(volume, versions, () => readPathSecrets(volume.path));
    const complete = new Set([[b, a], [b], [c, a, b], [a]].map(String));
    expect(sets.map(String).filter((each) => !complete.has(each))).toEqual([]);
  });

  it('gives a key and its own certificate, never that of another', async () => {
    const versions = (await Promise.all([newServing(), newServing(), newServing()])).map(({ certificate, key }) => ({
      'tls.crt': certificate,
      'tls.key': key,
    }));
    const volume = newVolume(versions[0] ?? {});
    // Reading a pair that does not fit together is a fault.
    const pairs = await readings(volume, versions, () => readServingCertificate(volume.path));
    expect(pairs.filter((pair) => pair instanceof Error)).toEqual([]);
  });
});

describe('a plain directory', () => {
  it('serves as well, hidden files aside', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'countersign-plain-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const secret = newSecret();
    writeFileSync(join(directory, 'secret'), secret);
    writeFileSync(join(directory, '.secret.swp'), 'half');
    expect(await readPathSecrets(directory)).toEqual([secret]);
  });
});
