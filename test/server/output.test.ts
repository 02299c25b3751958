import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePorts } from '../cluster/ports.ts';
import { until } from '../cluster/until.ts';
import { ask, keepAlive } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { pod, reviewOf } from './support/reviews.ts';

async function answers(webhook: WebhookProcess, count: number): Promise<void> {
  using agent = keepAlive();
  // Names that make long lines, more of them than any pipe holds.
  const name = 'x'.repeat(2_000);
  for (let sent = 0; sent < count; sent += 1) {
    expect(await ask(webhook.endpoint, reviewOf(pod(), { name }), { agent })).toMatchObject({ allowed: true });
  }
}

async function endsWell(webhook: WebhookProcess): Promise<void> {
  // Not `close`, which would wait for what nobody reads.
  const exit = once(webhook.child, 'exit');
  webhook.child.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
  webhook.child.stdout?.resume();
  expect(webhook.errors).toBe('');
}

describe('a webhook goes on, and ends when it is told to,', () => {
  it('when the reader of its log has gone', async () => {
    await using webhook = await WebhookProcess.start();
    webhook.child.stdout?.destroy();
    await answers(webhook, 500);
    await endsWell(webhook);
  });

  it('when the reader of its log is stuck', async () => {
    await using webhook = await WebhookProcess.start();
    webhook.child.stdout?.pause();
    await answers(webhook, 500);
    await endsWell(webhook);
  });

  it('when the disk that its log goes to is full', async () => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    // It cannot tell its ports.
    const [port, probePort] = await freePorts(['127.0.0.1', '127.0.0.1']);
    const args = [`--port=${port}`, `--probe-port=${probePort}`];
    await using webhook = await WebhookProcess.launch({ stdout: full, args });
    Object.assign(webhook, { port, probePort });
    await until('it is ready', async () => (await webhook.probe('/readyz')).status === 200);
    await answers(webhook, 500);
    await endsWell(webhook);
  });
});
