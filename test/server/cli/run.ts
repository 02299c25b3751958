import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command line to its end. */
export function countersign(args: readonly string[], stdin = ''): Promise<Result> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, NO_COLOR: '1' } });
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.on('error', reject);
  child.on('close', (status) => resolve({ status, ...output }));
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  return promise;
}

/** Writes files into a directory that goes with the test, and answers their paths. */
export function files<Name extends string>(contents: Readonly<Record<Name, string>>): Readonly<Record<Name, string>> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-cli-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const paths = Object.entries<string>(contents).map(([name, content]) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return [name, path];
  });
  return Object.fromEntries(paths) as Readonly<Record<Name, string>>;
}
