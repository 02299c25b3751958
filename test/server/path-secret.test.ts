import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PathSecrets } from '../../src/admission/path-secret.ts';
import { ask, type Endpoint, mutatePath, send } from './support/client.ts';
import { head, rawTls } from './support/raw.ts';
import { reviewOf } from './support/reviews.ts';
import { newSecret, startWebhook, type TestWebhook } from './support/webhook.ts';

let webhook: TestWebhook;
beforeAll(async () => {
  webhook = await startWebhook();
});
afterAll(() => webhook[Symbol.asyncDispose]());

interface Stranger {
  readonly what: string;
  readonly path: (right: string) => string;
  readonly method?: string;
}

const STRANGERS: readonly Stranger[] = [
  { what: 'no secret', path: () => '/mutate' },
  { what: 'an empty secret', path: () => '/mutate/' },
  { what: 'a wrong secret', path: () => `/mutate/${newSecret()}` },
  { what: 'the secret without its end', path: (right) => `/mutate/${right.slice(0, -1)}` },
  { what: 'the secret and more', path: (right) => `/mutate/${right}A` },
  { what: 'the secret and a slash', path: (right) => `/mutate/${right}/` },
  { what: 'the secret as a parameter', path: (right) => `/mutate/${newSecret()}?secret=${right}` },
  { what: 'a secret too long to be one', path: () => `/mutate/${'A'.repeat(4096)}` },
  { what: 'a secret that is no text', path: () => '/mutate/%00%FF%C3' },
  { what: 'a path that cannot be decoded', path: () => '/mutate/%' },
  { what: 'another path', path: (right) => `/admit/${right}` },
  { what: 'the path in capitals', path: (right) => `/MUTATE/${right}` },
  { what: 'the root', path: () => '/' },
  { what: 'another server as the target', path: (right) => `https://other.example/validate/${right}` },
  { what: 'PUT', path: (right) => `/mutate/${right}`, method: 'PUT' },
  { what: 'PATCH', path: (right) => `/mutate/${right}`, method: 'PATCH' },
  { what: 'DELETE', path: (right) => `/mutate/${right}`, method: 'DELETE' },
  { what: 'GET', path: (right) => `/mutate/${right}`, method: 'GET' },
  { what: 'OPTIONS', path: (right) => `/mutate/${right}`, method: 'OPTIONS' },
  { what: 'a method that nobody uses', path: (right) => `/mutate/${right}`, method: 'SEARCH' },
  { what: 'the wrong secret for policies', path: () => `/validate-policy/${newSecret()}` },
  { what: 'the wrong secret for what is not enforced', path: () => `/mutate-unenforced/${newSecret()}` },
];

describe('a request without the secret', () => {
  it.each(STRANGERS)('is sent away before its body is read: $what', async ({ path, method = 'POST' }) => {
    using connection = await rawTls(webhook);
    const length = 8 * 1024 * 1024;
    connection.socket.write(head(path(webhook.secret), { 'content-length': length }, method));
    connection.socket.write('{"apiVersion":');
    // The body never comes to its end, so the answer and the end of the connection show that nobody waits for it.
    const answer = await connection.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    expect(answer).toMatch(/\r\n\r\n\{"code":"NotFound","message":"nothing is here"\}$/);
  });

  it('learns nothing from the answer, whatever was wrong', async () => {
    const answers = await Promise.all(
      STRANGERS.filter(({ method }) => method === undefined).map(async ({ path }) => {
        const { status, text, headers } = await send(webhook, { path: path(webhook.secret), body: reviewOf() });
        return JSON.stringify([status, text, { ...headers, date: '' }]);
      }),
    );
    expect([...new Set(answers)]).toHaveLength(1);
  });

  it('is counted, and is not a review', async () => {
    await using fresh = await startWebhook();
    await send(fresh, { path: '/mutate/wrong', body: reviewOf() });
    await send(fresh, { path: '/elsewhere', body: reviewOf() });
    expect((await fresh.metrics.rejected.get()).values).toEqual([{ labels: { reason: 'path' }, value: 2 }]);
    expect((await fresh.metrics.decisions.get()).values).toEqual([]);
    expect(fresh.log).toEqual([]);
  });
});

describe('the secret', () => {
  it('is replaced without a gap: for a while old and new are both valid', async () => {
    await using fresh = await startWebhook();
    const old: Endpoint = fresh;
    const next: Endpoint = { ...old, secret: newSecret() };
    const status = async (endpoint: Endpoint) => (await send(endpoint, { body: reviewOf() })).status;

    expect([await status(old), await status(next)]).toEqual([200, 404]);
    fresh.webhook.setPathSecrets(new PathSecrets([old.secret, next.secret]));
    expect([await status(old), await status(next)]).toEqual([200, 200]);
    fresh.webhook.setPathSecrets(new PathSecrets([next.secret]));
    expect([await status(old), await status(next)]).toEqual([404, 200]);
  });

  it.each(['validate-policy', 'mutate-unenforced'])('opens /%s as well', async (path) => {
    const reply = await send(webhook, { path: `/${path}/${webhook.secret}?timeout=10s`, body: reviewOf() });
    expect(reply).toMatchObject({ status: 200, json: { response: { allowed: true } } });
  });

  it('may be followed by parameters that are not ours', async () => {
    const path = `${mutatePath(webhook)}&trace=1&timeout=2s&__proto__=x`;
    expect(await ask(webhook, reviewOf(), { path })).toMatchObject({ allowed: true });
  });

  it('is not there at all before the first one was loaded', async () => {
    await using fresh = await startWebhook();
    fresh.webhook.setPathSecrets(new PathSecrets([]));
    expect((await send(fresh, { body: reviewOf() })).status).toBe(404);
  });
});
