import { expect, it, onTestFinished } from 'vitest';
import { fingerprintOfStampKeys, readStampKeys } from '../../src/files/stamp-keys.ts';
import { Watched } from '../../src/files/watched.ts';
import { loadKeys, newKey } from '../../src/stamp/keys.ts';
import { Volume } from './support/volume.ts';

const [old, young] = [newKey(), newKey()];
const before = JSON.stringify({ signing: old.kid, keys: [old, young] });
const after = JSON.stringify({ signing: young.kid, keys: [old, young] });

function newVolume(files: Record<string, string>): Volume {
  const volume = new Volume(files);
  onTestFinished(() => volume.remove());
  return volume;
}

it('reads all keys of a mounted Secret, and which one signs', async () => {
  const keys = await readStampKeys(newVolume({ 'keys.json': after }).path);
  expect(keys.signing.kid).toBe(young.kid);
  expect([...keys.verifying.keys()]).toEqual([old.kid, young.kid]);
});

it.each([
  ['no file', {}, 'has "countersign bootstrap" run?'],
  ['an empty file', { 'keys.json': '' }, 'it is not JSON'],
  ['half a file', { 'keys.json': before.slice(0, 200) }, 'it is not JSON'],
])('of %s says what to do, and no part of a key', async (_, files: Record<string, string>, says) => {
  const message = await readStampKeys(newVolume(files).path).then(String, String);
  expect(message).toContain(says);
  for (const { d } of [old, young]) expect(message).not.toContain(d.slice(0, 8));
});

it('has a fingerprint that tells which keys there are and which signs, in whatever order', () => {
  const of = (signing: string, keys: readonly (typeof old)[]) =>
    fingerprintOfStampKeys(loadKeys({ signing, keys: [...keys] }));
  expect(of(old.kid, [young, old])).toBe(of(old.kid, [old, young]));
  expect(new Set([of(old.kid, [old, young]), of(young.kid, [old, young]), of(old.kid, [old])]).size).toBe(3);
});

it('is watched: a key that signs from now on is taken up, and what cannot be used leaves those before in force', async () => {
  const volume = newVolume({ 'keys.json': before });
  const signing: string[] = [];
  const moved = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<string>();
  const watched = new Watched({
    paths: [volume.path],
    read: () => readStampKeys(volume.path),
    fingerprint: fingerprintOfStampKeys,
    onValue: (keys) => {
      signing.push(keys.signing.kid);
      if (keys.signing.kid === young.kid) moved.resolve();
    },
    onFailure: (reason) => failed.resolve(reason),
    interval: 20,
  });
  onTestFinished(() => watched.stop());
  await watched.start();
  volume.replace({ 'keys.json': after });
  await moved.promise;
  expect(signing).toEqual([old.kid, young.kid]);
  volume.replace({ 'keys.json': '{}' });
  expect(await failed.promise).toContain('signing is malformed, keys is malformed');
  expect(signing).toEqual([old.kid, young.kid]);
});
