import { describe, expect, it } from 'vitest';
import { SAMPLE_POLICY } from '../../src/policy/sample.ts';
import { until } from '../cluster/until.ts';
import { ask, codeOf, type Response } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { reviewOf } from './support/reviews.ts';

const NOT_ALICE = SAMPLE_POLICY.replace('spec:\n', 'spec:\n  left: [alice@example.com]\n');
const MISSPELT = SAMPLE_POLICY.replace('  delegators:\n', '  delegaters:\n');
/** The key is in line 17, and what it holds begins in line 18. */
const LINE_OF_MISSPELT = /policy\.yaml:1[78]:\d+ .*delegaters/;
const NO_YAML = SAMPLE_POLICY.replace('metadata:\n', 'metadata: [\n');

/** Replaces the policy and asks until the answer has the code. */
async function take(webhook: WebhookProcess, policy: string, code: string): Promise<Response> {
  webhook.volumes.policy.replace({ 'policy.yaml': policy });
  return until(`the answer is ${code}`, async () => {
    const response = await ask(webhook.endpoint, reviewOf());
    return codeOf(response) === code && response;
  });
}

describe('a policy file that changes', () => {
  it('takes over without a restart', async () => {
    await using webhook = await WebhookProcess.start();
    expect(codeOf(await ask(webhook.endpoint, reviewOf()))).toBe('Attributed');
    expect(await take(webhook, NOT_ALICE, 'OperatorLeft')).toMatchObject({ allowed: false });
    expect(await take(webhook, SAMPLE_POLICY, 'Attributed')).toMatchObject({ allowed: true });
    await webhook.counted('countersign_reloads_total', { file: 'policy', result: 'loaded' }, 3);
    expect(await webhook.metric('countersign_reloads_total', { file: 'policy', result: 'failed' })).toBeUndefined();
  });

  it('refuses every pod once it cannot be used, and says which line is wrong', async () => {
    await using webhook = await WebhookProcess.start();
    const misspelt = await take(webhook, MISSPELT, 'PolicyInvalid');
    expect(misspelt.allowed).toBe(false);
    expect(misspelt.status?.message).toContain(`${webhook.volumes.policy.file('policy.yaml')}:1`);
    expect(misspelt.status?.message).toMatch(LINE_OF_MISSPELT);

    webhook.volumes.policy.replace({ 'policy.yaml': NO_YAML });
    await until('the other fault is reported', async () => {
      const { status } = await ask(webhook.endpoint, reviewOf());
      return /policy\.yaml:\d+:\d+ is not YAML: /.test(status?.message ?? '');
    });
    await webhook.counted('countersign_reloads_total', { file: 'policy', result: 'failed' }, 2);
    await until('both are logged', () => webhook.log.filter(({ level }) => level === 'error').length === 2);
    expect((await webhook.probe('/readyz')).status).toBe(200);
  });

  it('works again when it is mended, be it to what it was before or to something else', async () => {
    await using webhook = await WebhookProcess.start();
    await take(webhook, MISSPELT, 'PolicyInvalid');
    await take(webhook, SAMPLE_POLICY, 'Attributed');
    await take(webhook, NO_YAML, 'PolicyInvalid');
    await take(webhook, NOT_ALICE, 'OperatorLeft');
  });

  it('refuses while it is gone, and works again when it is back', async () => {
    await using webhook = await WebhookProcess.start();
    webhook.volumes.policy.replace({});
    await until('pods are refused', async () => codeOf(await ask(webhook.endpoint, reviewOf())) === 'PolicyInvalid');
    await take(webhook, SAMPLE_POLICY, 'Attributed');
  });
});

describe('a policy file that cannot be used at the start', () => {
  it.each([
    ['does not fit the schema', MISSPELT, LINE_OF_MISSPELT],
    ['is no YAML', NO_YAML, /policy\.yaml:\d+:\d+ is not YAML: /],
    ['is empty', '', /policy\.yaml: the file is empty/],
  ])('ends the program with status 2, where somebody sees it: it %s', async (_, policy, message) => {
    await using webhook = await WebhookProcess.launch({ policy });
    expect(await webhook.exited).toEqual({ code: 2, signal: null });
    expect(webhook.errors).toMatch(message);
    expect(webhook.errors).toContain(`countersign: [PolicyInvalid] ${webhook.volumes.policy.file('policy.yaml')}:`);
    expect(webhook.errors).not.toContain('    at ');
  });
});
