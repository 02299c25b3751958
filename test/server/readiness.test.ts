import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { until } from '../cluster/until.ts';
import { newServing } from './support/certificates.ts';
import { ask, send } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { rawTls } from './support/raw.ts';
import { reviewOf } from './support/reviews.ts';

describe('a webhook without its files, as before bootstrap has run', () => {
  it('lives, says what it waits for, and is ready once it is there', async () => {
    await using webhook = await WebhookProcess.start({ tls: {}, secrets: {} });
    const ready = () => webhook.probe('/readyz');
    expect(await webhook.probe('/livez')).toEqual({ status: 200, text: 'ok' });
    expect(await ready()).toEqual({ status: 503, text: 'no certificate is loaded' });
    await expect(rawTls(webhook.endpoint)).rejects.toThrow(/handshake|alert|disconnected|closed/);

    const { certificate, key } = await newServing();
    webhook.volumes.tls.replace({ 'tls.crt': certificate, 'tls.key': key });
    await until('the certificate is loaded', async () => (await ready()).text === 'no path secret is loaded');
    expect((await ready()).status).toBe(503);
    expect((await send(webhook.endpoint, { body: reviewOf() })).status).toBe(404);

    webhook.volumes.secrets.replace({ secret: webhook.secret });
    await until('it is ready', async () => (await ready()).status === 200);
    expect(await ready()).toEqual({ status: 200, text: 'ok' });
    expect(await ask(webhook.endpoint, reviewOf())).toMatchObject({ allowed: true });
  });
});

describe('the probes', () => {
  it('are on a listener of their own, and nothing of them on that of the webhook', async () => {
    await using webhook = await WebhookProcess.start();
    for (const path of ['/livez', '/readyz', '/metrics', '/']) {
      expect(await send(webhook.endpoint, { method: 'GET', path })).toMatchObject({
        status: 404,
        text: '{"code":"NotFound","message":"nothing is here"}',
      });
    }
    expect((await webhook.probe('/metrics')).text).toContain('# TYPE countersign_decisions_total counter');
    expect((await webhook.probe(`/mutate/${webhook.secret}`)).status).toBe(404);
    expect((await webhook.probe('/elsewhere')).status).toBe(404);
  });
});

describe('a port that is taken', () => {
  it.each([['--port'], ['--probe-port']])('ends the program with status 2 and a message: %s', async (option) => {
    const other = createServer();
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      await using webhook = await WebhookProcess.launch({ args: [`${option}=${port}`] });
      expect(await webhook.exited).toEqual({ code: 2, signal: null });
      expect(webhook.errors).toMatch(
        new RegExp(`^countersign: \\[ListenFailed\\] cannot listen on 127\\.0\\.0\\.1 port ${port}: .*EADDRINUSE`),
      );
      expect(webhook.errors).not.toContain('    at ');
    } finally {
      other.close();
    }
  });
});
