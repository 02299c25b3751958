import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { findTools } from './build.ts';

let empty: string;

beforeEach(() => {
  empty = mkdtempSync(join(tmpdir(), 'countersign-tools-'));
  vi.stubEnv('KUBEBUILDER_ASSETS', '');
  vi.stubEnv('XDG_CACHE_HOME', empty);
  vi.stubEnv('PATH', empty);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(empty, { recursive: true });
});

it('says what is missing where there is neither a program nor a Go to build it', async () => {
  const tools = await findTools(['etcd', 'kubectl'], expect.unreachable);
  expect(tools).toEqual({
    unavailable:
      'etcd, kubectl not found (KUBEBUILDER_ASSETS), and Go 1.26 or later is needed to build it (there is none here)',
  });
  expect(readdirSync(empty)).toEqual([]);
});

it('does not take a Go that is too old', async () => {
  program('go', '#!/bin/sh\necho go1.25.9\n');
  expect(await findTools(['etcd'], expect.unreachable)).toEqual({
    unavailable: expect.stringContaining('(here: go1.25.9)'),
  });
});

it('takes a program from KUBEBUILDER_ASSETS', async () => {
  vi.stubEnv('KUBEBUILDER_ASSETS', empty);
  const etcd = program('etcd', '');
  expect(await findTools(['etcd'], expect.unreachable)).toEqual({ etcd });
});

it('leaves nothing behind of a build that failed', async () => {
  program(
    'go',
    '#!/bin/sh\n[ "$1" = env ] && echo go1.26.0 && exit\nfor arg; do case $arg in *.tmp) : > "$arg"; esac; done\necho broken >&2; exit 1\n',
  );
  await expect(findTools(['etcd'], () => {})).rejects.toThrow(/go build .* failed \(1\):\nbroken/);
  const [kube = ''] = readdirSync(join(empty, 'countersign'));
  expect(readdirSync(join(empty, 'countersign', kube))).toEqual([]);
});

function program(name: string, text: string): string {
  const path = join(empty, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}
