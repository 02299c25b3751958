import { afterEach, describe, expect, it } from 'vitest';
import type { Governance, GovernanceSource } from '../../src/admission/governance.ts';
import { until } from '../cluster/until.ts';
import { ask, keepAlive, mutatePath, type Reply, send } from './support/client.ts';
import { head, rawTls } from './support/raw.ts';
import { pod, reviewOf } from './support/reviews.ts';
import { startWebhook, type TestWebhook } from './support/webhook.ts';

/** Knows what governs a namespace only once it is told to, so that reviews stay in the server meanwhile. */
class HeldBack implements GovernanceSource {
  readonly notReady = undefined;
  readonly #waiting: ((governance: Governance) => void)[] = [];

  governanceOf(): Promise<Governance> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Answers the one that has waited longest. */
  release(): void {
    this.#waiting.shift()?.({ kind: 'ungoverned' });
  }

  releaseAll(): void {
    while (this.#waiting.length > 0) this.release();
  }
}

let governance = new HeldBack();
afterEach(() => {
  governance.releaseAll();
  governance = new HeldBack();
});

const MEGABYTE = 1024 * 1024;

async function inFlight({ metrics }: TestWebhook): Promise<number | undefined> {
  return (await metrics.inFlight.get()).values[0]?.value;
}

function untilInFlight(webhook: TestWebhook, count: number): Promise<true> {
  return until(`${count} reviews are in flight`, async () => (await inFlight(webhook)) === count);
}

function expectOverloaded(reply: Reply): void {
  expect(reply).toMatchObject({ status: 503, json: { code: 'Overloaded' }, headers: { 'retry-after': '1' } });
}

describe('as many reviews as the server takes on', () => {
  it('are decided; one more is turned away at once, and taken when one of them is over', async () => {
    await using webhook = await startWebhook({ governance, limits: { reviews: 2, bytes: MEGABYTE } });
    const first = ask(webhook, reviewOf());
    await untilInFlight(webhook, 1);
    const second = ask(webhook, reviewOf());
    await untilInFlight(webhook, 2);

    expectOverloaded(await send(webhook, { body: reviewOf() }));
    expect(await inFlight(webhook)).toBe(2);

    governance.release();
    expect(await first).toMatchObject({ allowed: true });
    await untilInFlight(webhook, 1);
    const third = ask(webhook, reviewOf());
    await untilInFlight(webhook, 2);

    governance.releaseAll();
    expect(await Promise.all([second, third])).toMatchObject([{ allowed: true }, { allowed: true }]);
    await untilInFlight(webhook, 0);
    expect((await webhook.metrics.rejected.get()).values).toEqual([{ labels: { reason: 'overload' }, value: 1 }]);
  });

  it('may together be so large and no larger; a body of unknown length counts as the largest', async () => {
    await using webhook = await startWebhook({ governance, limits: { reviews: 100, bytes: 9 * MEGABYTE } });
    const large = ask(webhook, reviewOf(pod({}, { annotations: { padding: 'x'.repeat(2 * MEGABYTE) } })));
    await untilInFlight(webhook, 1);

    using unknown = await rawTls(webhook);
    unknown.socket.write(head(mutatePath(webhook), { 'transfer-encoding': 'chunked' }));
    expect(await unknown.received(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 503 /);
    expectOverloaded(await send(webhook, { body: Buffer.alloc(8 * MEGABYTE) }));
    const small = ask(webhook, reviewOf());
    await untilInFlight(webhook, 2);

    governance.releaseAll();
    expect(await Promise.all([large, small])).toMatchObject([{ allowed: true }, { allowed: true }]);
    await untilInFlight(webhook, 0);
  });

  it('are not kept from their places by strangers', async () => {
    await using webhook = await startWebhook({ governance, limits: { reviews: 1, bytes: MEGABYTE } });
    const review = ask(webhook, reviewOf());
    await untilInFlight(webhook, 1);
    // A stranger is not told either how busy the server is.
    expect((await send(webhook, { path: '/mutate/x', body: reviewOf() })).status).toBe(404);
    governance.releaseAll();
    expect(await review).toMatchObject({ allowed: true });
  });
});

describe('a place is free again when its caller', () => {
  it('went away before the answer', async () => {
    await using webhook = await startWebhook({ governance, limits: { reviews: 1, bytes: MEGABYTE } });
    const leaving = new AbortController();
    const abandoned = send(webhook, { body: reviewOf(), signal: leaving.signal });
    await untilInFlight(webhook, 1);
    leaving.abort();
    await expect(abandoned).rejects.toThrow('aborted');
    await untilInFlight(webhook, 0);

    const next = ask(webhook, reviewOf());
    await untilInFlight(webhook, 1);
    // The answer to the abandoned review goes nowhere, and gives its place back only once.
    governance.releaseAll();
    expect(await next).toMatchObject({ allowed: true });
    await untilInFlight(webhook, 0);
  });

  it('went away in the middle of the body', async () => {
    await using webhook = await startWebhook({ governance, limits: { reviews: 1, bytes: MEGABYTE } });
    using connection = await rawTls(webhook);
    connection.socket.write(`${head(mutatePath(webhook), { 'content-length': 1000 })}{`);
    await untilInFlight(webhook, 1);
    connection.socket.destroy();
    await untilInFlight(webhook, 0);
  });

  it('was sent away for its body', async () => {
    await using webhook = await startWebhook({ governance, limits: { reviews: 1, bytes: 64 * MEGABYTE } });
    using agent = keepAlive();
    for (const body of ['', '{', '[]', Buffer.alloc(8 * MEGABYTE + 1)]) {
      expect((await send(webhook, { body, agent })).status).toBeOneOf([400, 413]);
      await untilInFlight(webhook, 0);
    }
  });
});
