import { expect, it } from 'vitest';
import { unchunk } from './chunked.ts';

it('takes the object out of its chunks, and leaves the checksum behind it', () => {
  const body = '5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n';
  expect(unchunk(Buffer.from(body)).toString()).toBe('hello world');
});

it.each([
  ['without its size', 'hello'],
  ['that is cut', 'ff\r\nhello\r\n'],
])('refuses a chunk %s', (_, body) => {
  expect(() => unchunk(Buffer.from(body))).toThrow(/chunk/);
});
