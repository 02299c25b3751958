import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Watched } from '../../src/files/watched.ts';
import { until } from '../cluster/until.ts';

/** A directory with a file in it, the watcher of that file, and what the watcher said so far. */
function watch(interval: number) {
  const parent = mkdtempSync(join(tmpdir(), 'countersign-watched-'));
  const directory = join(parent, 'volume');
  const file = join(directory, 'value');
  const said: string[] = [];
  const watched = new Watched({
    paths: [directory],
    read: async () => readFileSync(file, 'utf8'),
    fingerprint: (value) => value,
    onValue(value) {
      if (value === 'unusable') throw new Error('it cannot be put into force');
      said.push(value);
    },
    onFailure: (reason) => said.push(`! ${reason.replace(/:.*/, '')}`),
    interval,
  });
  onTestFinished(() => {
    watched.stop();
    rmSync(parent, { recursive: true });
  });
  const write = (content: string): void => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
  };
  return { watched, directory, write, said };
}

/** Longer than any test: what is seen was told by the file system. */
const NEVER = 10 * 60_000;

describe('a watched directory', () => {
  it('is read at the start and whenever something changes in it', async () => {
    const { watched, write, said } = watch(NEVER);
    write('one');
    await watched.start();
    expect(said).toEqual(['one']);
    write('two');
    await until('the change is seen', () => said.length > 1);
    expect(said).toEqual(['one', 'two']);
  });

  it('is not spoken of while nothing changes, however often something is written', async () => {
    const { watched, write, said } = watch(NEVER);
    write('one');
    await watched.start();
    for (let turn = 0; turn < 20; turn += 1) write('one');
    write('two');
    await until('the change is seen', () => said.includes('two'));
    expect(said).toEqual(['one', 'two']);
  });

  it('may be missing at the start, and may be removed and made anew', async () => {
    const { watched, directory, write, said } = watch(20);
    await watched.start();
    write('one');
    await until('it is found', () => said.includes('one'));
    rmSync(directory, { recursive: true });
    await until('its loss is noticed', () => said.at(-1)?.startsWith('!'));
    write('one');
    await until('it is found again', () => said.at(-1) === 'one');
    write('two');
    await until('the change is seen', () => said.at(-1) === 'two');
    // Each loss once, however often it was looked for.
    expect(said).toEqual(['! ENOENT', 'one', '! ENOENT', 'one', 'two']);
  });

  it('whose value cannot be put into force is complained of once, and taken once it can', async () => {
    const { watched, write, said } = watch(20);
    write('unusable');
    await watched.start();
    write('one');
    await until('it is mended', () => said.includes('one'));
    write('unusable');
    await until('it is broken', () => said.length === 3);
    write('one');
    await until('it is mended again', () => said.length === 4);
    const complaint = '! it cannot be put into force';
    expect(said).toEqual([complaint, 'one', complaint, 'one']);
  });

  it('is left alone once watching is stopped', async () => {
    const { watched, write, said } = watch(20);
    write('one');
    await watched.start();
    watched.stop();
    write('two');
    const other = watch(20);
    other.write('another');
    await other.watched.start();
    other.write('more');
    await until('another watcher has seen a later change', () => other.said.includes('more'));
    expect(said).toEqual(['one']);
  });
});
