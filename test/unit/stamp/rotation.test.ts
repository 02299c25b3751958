import { expect, it } from 'vitest';
import { MOST_KEYS, newKey } from '../../../src/stamp/keys.ts';
import { firstKeys, nextKey, publishNext, retireKey, rolesOf, signWith } from '../../../src/stamp/rotation.ts';

const roles = (keys: Parameters<typeof rolesOf>[0]) => rolesOf(keys).map(({ role }) => role);

it('begins with one key that signs, and no rotation', () => {
  const keys = firstKeys();
  expect(roles(keys)).toEqual(['signing']);
  expect(nextKey(keys)).toBeUndefined();
});

it('publishes a key before it signs, and keeps the ones that have signed', () => {
  const first = firstKeys();
  const published = publishNext(first);
  expect(published.signing).toBe(first.signing);
  expect(roles(published)).toEqual(['signing', 'next']);
  const next = nextKey(published) ?? '';
  const moved = signWith(published, next);
  expect(moved.signing).toBe(next);
  expect(roles(moved)).toEqual(['verifying', 'signing']);
  expect(nextKey(moved)).toBeUndefined();
});

it('leaves no key behind that would sign by accident, when several were published', () => {
  const [a, b, c] = [newKey(), newKey(), newKey()];
  const keys = { signing: a.kid, keys: [a, b, c] };
  expect(nextKey(keys)).toBe(c.kid);
  const moved = signWith(keys, b.kid);
  expect(roles(moved)).toEqual(['verifying', 'verifying', 'signing']);
  expect(moved.keys).toHaveLength(3);
});

it('retires what it is told to, but never the key that signs, nor one that is not there', () => {
  const keys = publishNext(firstKeys());
  const [old = '', young = ''] = keys.keys.map(({ kid }) => kid);
  expect(retireKey(keys, young).keys.map(({ kid }) => kid)).toEqual([old]);
  expect(retireKey(signWith(keys, young), old)).toEqual({ signing: young, keys: keys.keys.slice(1) });
  expect(() => retireKey(keys, old)).toThrow('is the one that signs');
  expect(() => retireKey(keys, newKey().kid)).toThrow('"countersign keys list" shows those there are');
});

it('does not grow without end', () => {
  let keys = firstKeys();
  while (keys.keys.length < MOST_KEYS) keys = publishNext(keys);
  expect(() => publishNext(keys)).toThrow(`there are ${MOST_KEYS} stamp keys already`);
});
