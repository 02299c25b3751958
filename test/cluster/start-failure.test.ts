import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startControlPlane } from './control-plane.ts';
import { connect } from './fixture.ts';
import { findTools } from './tools/build.ts';

const { unavailable } = connect();

describe.skipIf(unavailable)('a control plane that cannot start', () => {
  it('says why, in the words of the component, and leaves nothing', async () => {
    const tools = await findTools(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']);
    if ('unavailable' in tools) return expect.unreachable(tools.unavailable);
    const parent = mkdtempSync(join(tmpdir(), 'countersign-failure-'));
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(parent, { recursive: true });
    });
    vi.stubEnv('TMPDIR', parent);
    const starting = startControlPlane({ tools, extraApiServerFlags: ['--no-such-flag'] });
    await expect(starting).rejects.toThrow(/^kube-apiserver did not become ready[^]*unknown flag: --no-such-flag/);
    expect(readdirSync(parent)).toEqual([]);
  });
});
