import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../cluster/until.ts';
import { connectNode } from './fixture.ts';
import { Machine, runOnMachine } from './rig/machine.ts';

const { unavailable } = connectNode();

/** What this layer must not leave on the machine of whoever runs it. */
describe.skipIf(unavailable)('a machine inside this one', () => {
  let maker: ChildProcess | undefined;
  afterEach(() => maker?.kill('SIGKILL'));

  it('is gone with all that ran on it, when the process that made it is killed', async () => {
    const { pid, machine } = await startElsewhere();
    const inside = runOnMachine({ pid: machine }, ['sh', '-c', 'sleep 86399 >/dev/null 2>&1 & ip link show eth0']);
    expect(inside).toContain('eth0');
    expect(linkOf(pid)).toBe(true);

    maker?.kill('SIGKILL');
    await until(
      'its processes, its network and its mounts are gone',
      () => !existsSync(`/proc/${machine}`) && !linkOf(pid),
    );
    expect(processesOf(pid)).toEqual([]);

    // What no process holds is removed by the next one.
    expect(directoriesOf(pid)).toHaveLength(1);
    const next = await Machine.start();
    await next.close();
    expect(directoriesOf(pid)).toEqual([]);
    expect(existsSync(next.dir)).toBe(false);
  });

  it('shows nothing of its mounts outside, and keeps what fixed places hold', async () => {
    const machine = await Machine.start();
    try {
      machine.run('touch', '/run/of-the-node', '/var/lib/of-the-node');
      expect(machine.run('ls', '/run/of-the-node', '/var/lib/of-the-node')).not.toBe('');
      expect(existsSync('/run/of-the-node')).toBe(false);
      expect(existsSync('/var/lib/of-the-node')).toBe(false);
    } finally {
      await machine.close();
    }
  });

  /** A node's machine in a process of its own. */
  async function startElsewhere(): Promise<{ readonly pid: number; readonly machine: number }> {
    const module = join(import.meta.dirname, 'rig/machine.ts');
    const script = `
      const { Machine } = await import(${JSON.stringify(module)});
      console.log((await Machine.start()).connection.pid);
      setInterval(() => {}, 60_000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    maker = child;
    for await (const line of createInterface(child.stdout)) return { pid: child.pid ?? 0, machine: Number(line) };
    throw new Error('the machine did not start; its error is above');
  }
});

function linkOf(pid: number): boolean {
  return spawnSync('ip', ['link', 'show', `csn${pid}`]).status === 0;
}

function directoriesOf(pid: number): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`countersign-node-${pid}-`));
}

function processesOf(pid: number): string[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes(`countersign-node-${pid}`) || line.includes('sleep 86399'));
}
