import { describe, expect, it } from 'vitest';
import type { Governance, GovernanceSource, Mode } from '../../src/admission/governance.ts';
import type { JsonObject } from '../../src/json.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { ask, codeOf, send } from './support/client.ts';
import { seriesIn } from './support/metrics.ts';
import { ALICE, pod, policyOf, reviewOf, ROBOT } from './support/reviews.ts';
import { startWebhook, type TestWebhook } from './support/webhook.ts';

/** The sample policy in a mode for namespaces named after it; the others are nobody's. */
const BY_MODE: GovernanceSource = {
  notReady: undefined,
  governanceOf(namespace): Governance {
    const mode = (['enforce', 'warn', 'audit'] satisfies Mode[]).find((each) => each === namespace);
    if (mode === undefined) return { kind: 'ungoverned' };
    return { kind: 'governed', mode, policy: policyOf(), podSecurity: 'baseline' };
  },
};

describe('each decision is logged', () => {
  it('as one line that says who asked for what, and what became of it', async () => {
    await using webhook = await startWebhook();
    const review = reviewOf();
    await ask(webhook, review);
    expect(webhook.log).toEqual([
      {
        level: 'info',
        component: 'countersign-test',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
        uid: review.request['uid'],
        resource: 'pods',
        requester: 'oidc:alice@example.com',
        operator: 'alice@example.com',
        namespace: 'agents',
        name: 'research',
        allowed: true,
        code: 'Attributed',
        mode: 'enforce',
        ms: expect.any(Number) as number,
        msg: 'decided',
      },
    ]);
  });

  it('also when it is a refusal, with the reason; a name that is yet to be made up shows as far as it goes', async () => {
    await using webhook = await startWebhook();
    const made = pod({}, { name: null, generateName: 'research-' });
    await ask(webhook, reviewOf(made, { name: '', userInfo: ROBOT, dryRun: true }));
    expect(webhook.log).toHaveLength(1);
    expect(webhook.log[0]).toMatchObject({
      requester: ROBOT['username'],
      name: 'research-',
      allowed: false,
      code: 'NotHuman',
      dryRun: true,
      msg: expect.stringMatching(/^\[NotHuman\] /) as string,
    });
    expect(webhook.log[0]).not.toHaveProperty('operator');
  });

  it('in one line, whatever characters and however many of them somebody puts in', async () => {
    const lines: string[] = [];
    await using webhook = await startWebhook({ log: createLog('test', { write: (line) => void lines.push(line) }) });
    const long = `\n{"level":"info"}\u2028\u001b[2J${'x'.repeat(1_000_000)}`;
    const twice = [{ name: 'FAB_OPERATOR', value: long }, { name: 'FAB_OPERATOR' }];
    const reviews: JsonObject[] = [
      reviewOf(pod(), { uid: long }),
      reviewOf(pod(), { namespace: long }),
      reviewOf(pod(), { name: long }),
      reviewOf(pod({}, { name: long }), { name: '' }),
      reviewOf(pod(), { userInfo: { ...ALICE, username: long } }),
      reviewOf(pod(), { userInfo: { ...ALICE, username: `system:${long}` } }),
      reviewOf(pod(), { resource: { group: long, version: long, resource: long } }),
      reviewOf(pod({}, { annotations: { 'countersign.dev/on-behalf-of': long } })),
      reviewOf(pod({ containers: [{ name: long, image: 'x', env: twice }] })),
      reviewOf(pod({ volumes: [{ name: long, csi: { driver: long } }] })),
      reviewOf(pod({}, { ownerReferences: [{ kind: long, name: long, controller: true }] }), { userInfo: ROBOT }),
    ];
    for (const review of reviews) await ask(webhook, review);
    // The names of fields in what could not be reviewed are somebody's too.
    const invalid = [
      reviewOf(pod({}, { annotations: { [long]: 1 } })),
      reviewOf(pod(), { userInfo: { ...ALICE, extra: { [long]: 'x' } } }),
    ];
    for (const body of invalid) expect((await send(webhook, { body })).status).toBe(400);
    expect(lines).toHaveLength(reviews.length + invalid.length);
    for (const line of lines) {
      expect(line.trimEnd()).not.toContain('\n');
      expect(line.length).toBeLessThan(16_384);
      expect(line).not.toContain('\u001b');
    }
  });
});

describe('each decision is counted', () => {
  async function metricsOf({
    metrics,
  }: TestWebhook): Promise<(name: string, labels?: Record<string, string>) => unknown> {
    const text = await metrics.registry.metrics();
    return (name, labels) => seriesIn(text, name, labels);
  }

  it('by outcome, code and mode, the same code in every mode', async () => {
    await using webhook = await startWebhook({ governance: BY_MODE });
    for (const namespace of ['enforce', 'warn', 'audit']) {
      await ask(webhook, reviewOf(pod(), { namespace }));
      await ask(webhook, reviewOf(pod(), { namespace, userInfo: ROBOT }));
      await ask(webhook, reviewOf(pod(), { namespace, userInfo: ROBOT }));
    }
    await ask(webhook, reviewOf(pod(), { namespace: 'elsewhere' }));
    const value = await metricsOf(webhook);
    for (const mode of ['enforce', 'warn', 'audit']) {
      expect(value('countersign_decisions_total', { outcome: 'attributed', code: 'Attributed', mode })).toBe(1);
      expect(value('countersign_decisions_total', { outcome: 'refused', code: 'NotHuman', mode })).toBe(2);
    }
    expect(value('countersign_decisions_total', { outcome: 'untouched', code: 'NotGoverned' })).toBe(1);
    expect(value('countersign_review_duration_seconds_count')).toBe(10);
    expect(value('countersign_review_size_bytes_count')).toBe(10);
    expect(value('countersign_reviews_in_flight')).toBe(0);
  });

  it('with a duration that tells 0.5 ms from 50 ms finely', async () => {
    await using webhook = await startWebhook();
    await ask(webhook, reviewOf());
    const text = await webhook.metrics.registry.metrics();
    const edges = [...text.matchAll(/^countersign_review_duration_seconds_bucket\{le="([\d.]+)"\}/gm)].map(([, le]) =>
      Number(le),
    );
    const fine = edges.filter((edge) => edge >= 0.0005 && edge <= 0.05);
    expect(fine.at(0)).toBe(0.0005);
    expect(fine.at(-1)).toBe(0.05);
    expect(fine.length).toBeGreaterThanOrEqual(10);
    for (const [index, edge] of fine.slice(1).entries()) expect(edge / (fine[index] ?? 0)).toBeLessThanOrEqual(2);
  });
});

describe('the mode of the namespace', () => {
  it('decides what an API server is told', async () => {
    await using webhook = await startWebhook({ governance: BY_MODE });
    const answers = async (userInfo: JsonObject) =>
      Promise.all(
        ['enforce', 'warn', 'audit'].map((namespace) => ask(webhook, reviewOf(pod(), { namespace, userInfo }))),
      );
    const human = await answers(ALICE);
    expect(human.map(({ allowed }) => allowed)).toEqual([true, true, true]);
    expect(human.map(({ patch }) => patch !== undefined)).toEqual([true, true, false]);
    const robot = await answers(ROBOT);
    expect(robot.map(({ allowed }) => allowed)).toEqual([false, true, true]);
    expect(robot.map(({ patch }) => patch)).toEqual([undefined, undefined, undefined]);
    expect(robot.map(({ warnings = [] }) => warnings.length)).toEqual([0, 1, 0]);
    expect([...human, ...robot].map(codeOf)).toEqual([
      ...Array<string>(3).fill('Attributed'),
      ...Array<string>(3).fill('NotHuman'),
    ]);
  });

  it('is the one that an API server asked in, where it cannot be found out', async () => {
    const governance: GovernanceSource = {
      notReady: undefined,
      governanceOf: () => ({ kind: 'unknown', problem: 'the API server did not answer' }),
    };
    await using webhook = await startWebhook({ governance });
    const enforced = await ask(webhook, reviewOf());
    expect(enforced).toMatchObject({
      allowed: false,
      auditAnnotations: { code: 'ClusterUnavailable', mode: 'enforce' },
    });
    const path = `/mutate-unenforced/${webhook.secret}`;
    const unenforced = await ask(webhook, reviewOf(), { path });
    expect(unenforced).toMatchObject({ allowed: true, auditAnnotations: { code: 'ClusterUnavailable', mode: 'warn' } });
    expect(unenforced.warnings).toHaveLength(1);
    expect(unenforced.patch).toBeUndefined();
  });
});
