import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tokenFrom } from '../../../../src/session/kubernetes/token.ts';

describe('a projected token', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'token-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const path = () => join(directory, 'kubernetes-token');
  const clock = () => {
    let time = 0;
    return { now: () => time, pass: (ms: number) => (time += ms) };
  };

  it('is read again after ten seconds, over the link that kubelet turns', async () => {
    const version = (name: string, content: string) => {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'kubernetes-token'), content);
      symlinkSync(name, join(directory, '..data_tmp'));
      renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
    };
    version('..one', 'one.one.one');
    symlinkSync('..data/kubernetes-token', path());
    const { now, pass } = clock();
    const token = tokenFrom(path(), now);
    expect(await token()).toBe('one.one.one');
    version('..two', 'two.two.two\n');
    pass(9_999);
    expect(token()).toBe('one.one.one');
    pass(1);
    expect(await token()).toBe('two.two.two');
    expect(token()).toBe('two.two.two');
  });

  it('is read by one reader, however many ask', async () => {
    writeFileSync(path(), 'a.b.c');
    const token = tokenFrom(path());
    const first = token();
    expect(token()).toBe(first);
    expect(await first).toBe('a.b.c');
  });

  it.each([
    ['nothing', ''],
    ['a line end only', '\n'],
    ['a page of an error', '<html>not found</html>'],
    ['two tokens', 'a.b.c\nd.e.f'],
    ['a header after it', 'a.b.c\r\nImpersonate-Group: system:masters'],
    ['two parts', 'a.b'],
    ['more than a token has', `a.b.${'c'.repeat(16_384)}`],
    ['NUL', 'a.b.c\0'],
  ])('that holds %s is refused, and not repeated', async (_, content) => {
    writeFileSync(path(), content);
    const error = await Promise.resolve(tokenFrom(path())()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'KubernetesAccessFailed', message: expect.stringContaining('Next: ') });
    if (content.trim() !== '') expect(String(error)).not.toContain(content.slice(0, 20));
  });

  it('that is not there is said to be missing, and serves once it is', async () => {
    const token = tokenFrom(path());
    await expect(async () => await token()).rejects.toThrow(/kubernetes-token cannot be read: ENOENT/);
    writeFileSync(path(), 'a.b.c');
    expect(await token()).toBe('a.b.c');
  });

  it('that vanished later is not served from memory for ever', async () => {
    writeFileSync(path(), 'a.b.c');
    const { now, pass } = clock();
    const token = tokenFrom(path(), now);
    await token();
    rmSync(path());
    pass(10_000);
    await expect(async () => await token()).rejects.toMatchObject({ code: 'KubernetesAccessFailed' });
  });
});
