import { describe, expect, it } from 'vitest';
import { until } from '../cluster/until.ts';
import { send } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { reviewOf } from './support/reviews.ts';
import { newSecret } from './support/webhook.ts';

const RELOADS = 'countersign_reloads_total';

async function status(webhook: WebhookProcess, secret: string): Promise<number> {
  return (await send({ ...webhook.endpoint, secret }, { body: reviewOf() })).status;
}

function untilStatus(webhook: WebhookProcess, secret: string, wanted: number): Promise<true> {
  return until(`the secret gets ${wanted}`, async () => (await status(webhook, secret)) === wanted);
}

describe('path secrets that are replaced on disk', () => {
  it('are taken over without a restart: first the new one beside the old, then the new one alone', async () => {
    await using webhook = await WebhookProcess.start();
    const { secret: old } = webhook;
    const next = newSecret();
    expect([await status(webhook, old), await status(webhook, next)]).toEqual([200, 404]);

    webhook.volumes.secrets.replace({ current: next, previous: `${old}\n` });
    await untilStatus(webhook, next, 200);
    expect(await status(webhook, old)).toBe(200);

    webhook.volumes.secrets.replace({ current: next });
    await untilStatus(webhook, old, 404);
    expect(await status(webhook, next)).toBe(200);
    await webhook.counted(RELOADS, { file: 'path', result: 'loaded' }, 3);
    expect(webhook.output).not.toContain(old);
    expect(webhook.output).not.toContain(next);
  });

  it('stay in force while what replaced them cannot be used', async () => {
    await using webhook = await WebhookProcess.start();
    const { secret: old } = webhook;
    const next = newSecret();
    const unusable: Record<string, string>[] = [
      {},
      { current: 'short' },
      { current: next, previous: `${next}!` },
      { current: '' },
    ];
    const failures = async () => (await webhook.metric(RELOADS, { file: 'path', result: 'failed' })) ?? 0;
    for (const files of unusable) {
      const before = await failures();
      webhook.volumes.secrets.replace(files);
      await until('the failure is counted', async () => (await failures()) > before);
      // Nor is the good one of two taken: then the other would be missed once it is needed.
      expect([await status(webhook, old), await status(webhook, next)]).toEqual([200, 404]);
    }
    expect(webhook.output).toContain('43 to 256 characters');
    expect(webhook.output).not.toContain(next);
    expect(webhook.output).not.toContain('short');

    webhook.volumes.secrets.replace({ current: next });
    await untilStatus(webhook, next, 200);
    expect(await status(webhook, old)).toBe(404);
  });
});
