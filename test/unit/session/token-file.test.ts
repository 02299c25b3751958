import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readToken } from '../../../src/session/identity/token-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'countersign-token-'));
const path = join(directory, 'token');
afterAll(() => rmSync(directory, { recursive: true }));

describe('the token file', () => {
  test.for([
    ['as kubelet writes it', 'a-b.c_d.e'],
    ['with a line end', 'a-b.c_d.e\n'],
    ['with a line end of another system', 'a-b.c_d.e\r\n'],
    ['of the largest size', `a.b.${'c'.repeat(19_996)}`],
  ])('%s', async ([, content]) => {
    writeFileSync(path, content ?? '');
    expect(await readToken(path)).toBe(content?.trimEnd());
  });

  test.for([
    ['empty', ''],
    ['two parts', 'a.b'],
    ['a header more', 'a.b.c\r\nX-Other: d'],
    ['two line ends', 'a.b.c\n\n'],
    ['a page', '<html>'],
    ['too large', `a.b.${'c'.repeat(19_997)}`],
    ['too large by a line end', `a.b.${'c'.repeat(20_000)}\n`],
    ['letters that are none', 'a.b.ć'],
  ])('%s: refused, and not told', async ([, content = '']) => {
    writeFileSync(path, content);
    const thrown = await readToken(path).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: 'BaseIdentityFailed' });
    if (content !== '') expect(String(thrown)).not.toContain(content);
  });

  test('a directory', async () => {
    await expect(readToken(directory)).rejects.toThrow('cannot be read: EISDIR');
  });
});
