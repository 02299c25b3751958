import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** What `tar` needs to know for the same files to make the same bytes, whoever archives them and when. */
const REPRODUCIBLE = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

/** Archives what a directory holds; `done` fails when that did not work. */
export function pack(dir: string): { readonly stream: Readable; readonly done: Promise<void> } {
  const entries = readdirSync(dir).toSorted();
  const tar = spawn('tar', ['--create', ...REPRODUCIBLE, `--directory=${dir}`, '--', ...entries], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const done = new Promise<void>((resolve, reject) => {
    tar.on('error', reject);
    tar.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`tar of ${dir} failed (${code}). Next: see whether this is GNU tar.`));
    });
  });
  return { stream: tar.stdout, done };
}

export function unpack(archive: string, dir: string): void {
  mkdirSync(dir, { recursive: true });
  execFileSync('tar', ['--extract', `--file=${archive}`, `--directory=${dir}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
