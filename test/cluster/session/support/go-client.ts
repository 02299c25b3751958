import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The path of the program, or why there is none. */
export type Built = { readonly path: string; readonly unavailable?: undefined } | { readonly unavailable: string };

const run = promisify(execFile);
const source = join(import.meta.dirname, '../client-go');
/** As the control plane is built, so that both have the same packages in Go's cache. */
const flags = ['-trimpath', '-ldflags', '-s -w', '-mod=readonly', '-buildvcs=false'];

/** Builds the client-go program into the user's cache directory, once for each state of its source. */
export async function buildGoClient(): Promise<Built> {
  const hash = createHash('sha256').update(JSON.stringify([process.platform, process.arch, flags]));
  for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(await readFile(join(source, file)));
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'countersign');
  const path = join(cache, `client-go-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(path)) return { path };
  const options = { cwd: source, env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' } };
  const version = await run('go', ['env', 'GOVERSION'], options).catch(() => undefined);
  if (version === undefined) return { unavailable: 'Go 1.26 or later is needed to build a program with client-go' };
  await mkdir(cache, { recursive: true });
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    await run('go', ['build', ...flags, '-o', unfinished, '.'], options);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return { path };
}
