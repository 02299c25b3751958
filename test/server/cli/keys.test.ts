import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newKey, parsePrivateKeys, parsePublicKeys } from '../../../src/stamp/keys.ts';
import { countersign } from './run.ts';

/** A directory for keys, which need not exist yet, and commands on it. */
function place() {
  const parent = mkdtempSync(join(tmpdir(), 'countersign-keys-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const directory = join(parent, 'keys');
  const secret = join(directory, 'keys.json');
  return {
    directory,
    secret,
    run: (...args: readonly string[]) => countersign(['keys', ...args, '--dir', directory]),
    keys: () => parsePrivateKeys(readFileSync(secret, 'utf8')),
    published: () => readFileSync(join(directory, 'jwks.json'), 'utf8'),
  };
}

const kidsOf = ({ keys }: ReturnType<typeof parsePrivateKeys>) => keys.map(({ kid }) => kid);

describe('countersign keys, in a directory', () => {
  it('init makes a key that nobody else may read, and shows its public half', async () => {
    const { directory, run, secret, keys, published } = place();
    const { status, stdout } = await run('init');
    const { signing } = keys();
    expect({ status, stdout }).toEqual({ status: 0, stdout: `stamp key ${signing}: made, it signs\n` });
    expect(statSync(secret).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory).toSorted()).toEqual(['jwks.json', 'keys.json']);
    expect([...parsePublicKeys(published()).keys()]).toEqual([signing]);
    expect(published()).not.toContain('"d"');
  });

  it('init never replaces a key, and publishes what is not', async () => {
    const { directory, run, keys, published } = place();
    await run('init');
    const before = keys();
    rmSync(join(directory, 'jwks.json'));
    expect((await run('init')).stdout).toBe(`stamp key ${before.signing}: signs already; no key was changed\n`);
    expect(keys()).toEqual(before);
    expect([...parsePublicKeys(published()).keys()]).toEqual([before.signing]);
  });

  it('rotate lets a new key sign and keeps the old ones, list says which is which', async () => {
    const { run, keys, published } = place();
    await run('init');
    const { signing: first } = keys();
    const { stdout, stderr } = await run('rotate', '--settle', '0');
    const { signing: second } = keys();
    expect(second).not.toBe(first);
    expect(stdout).toBe(
      `stamp key ${second}: signs from now on\nstamp key ${first}: goes on verifying what it signed\n`,
    );
    expect(stderr).toContain(`Published ${second}; waiting 0 s`);
    expect(kidsOf(keys())).toEqual([first, second]);
    expect([...parsePublicKeys(published()).keys()]).toEqual([first, second]);
    expect((await run('list')).stdout).toBe(`${first}  verifying\n${second}  signing\n`);
  });

  it('rotate goes on with a key that was published by a run that died', async () => {
    const { run, secret, keys } = place();
    await run('init');
    const { signing, keys: made } = keys();
    const published = newKey();
    writeFileSync(secret, JSON.stringify({ signing, keys: [...made, published] }));
    expect((await run('list')).stdout).toContain(`${published.kid}  verifying, signs next\n`);
    await run('rotate', '--settle', '0');
    expect(keys().signing).toBe(published.kid);
    expect(keys().keys).toHaveLength(2);
  });

  it('retire takes away an old key, says what that voids, and never the one that signs', async () => {
    const { run, keys, published } = place();
    await run('init');
    const { signing: first } = keys();
    const refused = await run('retire', first);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('is the one that signs. Next: "countersign keys rotate"');
    await run('rotate', '--settle', '0');
    const { status, stdout } = await run('retire', first);
    expect(status).toBe(0);
    expect(stdout).toContain(`stamp key "${first}": retired. What it signed no longer counts`);
    expect(kidsOf(keys())).toEqual([keys().signing]);
    expect(published()).not.toContain(first);
    expect((await run('retire', first)).stderr).toContain('"countersign keys list" shows those there are');
  });

  it('at most sixteen keys are kept, and the message says to retire some', async () => {
    const { run, secret, keys } = place();
    await run('init');
    const { signing, keys: made } = keys();
    const many = [...Array.from({ length: 15 }, newKey), ...made];
    writeFileSync(secret, JSON.stringify({ signing, keys: many }));
    const { status, stderr } = await run('rotate', '--settle', '0');
    expect(status).toBe(2);
    expect(stderr).toContain('[KeysInvalid] there are 16 stamp keys already');
    expect(keys().keys).toEqual(many);
  });

  it.each(['init', 'rotate', 'list'])(
    '%s leaves keys alone that it cannot read, and shows none of them',
    async (verb) => {
      const { run, secret } = place();
      await run('init');
      const broken = readFileSync(secret, 'utf8').slice(0, -20);
      writeFileSync(secret, broken);
      const { status, stdout, stderr } = await run(verb);
      expect(status).toBe(2);
      expect(stderr).toContain(
        `[KeysInvalid] ${secret}: the stamp keys cannot be used: it is not JSON; it is left as it is`,
      );
      expect(stdout + stderr).not.toContain(/"d":"([^"]{8})/.exec(broken)?.[1]);
      expect(readFileSync(secret, 'utf8')).toBe(broken);
    },
  );

  it.each(['rotate', 'list'])('%s says that there are none, and how to make the first', async (verb) => {
    const { run } = place();
    const { status, stderr } = await run(verb);
    expect(status).toBe(2);
    expect(stderr).toBe(
      'countersign: [KeysInvalid] there are no stamp keys. Next: "countersign keys init" makes the first one\n',
    );
  });

  it('a file that others may read becomes private with the next change', async () => {
    const { run, secret } = place();
    await run('init');
    chmodSync(secret, 0o644);
    await run('rotate', '--settle', '0');
    expect(statSync(secret).mode & 0o777).toBe(0o600);
  });
});

it('countersign keys without a cluster or a directory says what is missing', async () => {
  const { status, stderr } = await countersign(['keys', 'list']);
  expect(status).toBe(2);
  expect(stderr).toContain('[UsageInvalid] not in a pod');
});
