import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PemPair } from '../../src/tls/authority.ts';
import { until } from '../cluster/until.ts';
import { newServing, serialOf } from './support/certificates.ts';
import { ask, keepAlive } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { rawTls } from './support/raw.ts';
import { reviewOf } from './support/reviews.ts';

let webhook: WebhookProcess;
beforeAll(async () => {
  webhook = await WebhookProcess.start();
});
afterAll(() => webhook[Symbol.asyncDispose]());

/** The serial number of the certificate that a new connection is shown. */
async function shown(): Promise<string> {
  using connection = await rawTls(webhook.endpoint);
  return connection.socket.getPeerCertificate().serialNumber;
}

async function takesOver(pair: PemPair): Promise<void> {
  webhook.volumes.tls.replace({ 'tls.crt': pair.certificate, 'tls.key': pair.key });
  await until('the new certificate is shown', async () => (await shown()) === serialOf(pair));
}

describe('a certificate that is replaced', () => {
  it('is what new connections are shown, while those that are open go on', async () => {
    using agent = keepAlive();
    const connection = () => Object.values(agent.freeSockets).flat()[0] as TLSSocket | undefined;
    await ask(webhook.endpoint, reviewOf(), { agent });
    const open = connection();
    expect(open?.getPeerCertificate().serialNumber).toBe(await shown());

    await takesOver(await newServing());
    expect(await ask(webhook.endpoint, reviewOf(), { agent })).toMatchObject({ allowed: true });
    expect(connection()).toBe(open);
  });

  it('does not end a session that clients resume', async () => {
    // TLS 1.3 sends tickets after the handshake; a client that offers an old one is answered with a full handshake.
    let ticket: Buffer | undefined;
    using first = await rawTls(webhook.endpoint);
    first.socket.on('session', (session) => (ticket = session));
    await until('a ticket has come', () => ticket !== undefined);

    const next = await newServing();
    await takesOver(next);
    using second = await rawTls(webhook.endpoint, { session: ticket });
    expect(second.socket.isSessionReused()).toBe(false);
    expect(second.socket.getPeerCertificate().serialNumber).toBe(serialOf(next));
  });

  it('tells when it expires', async () => {
    const next = await newServing();
    await takesOver(next);
    expect(await webhook.metric('countersign_certificate_expiry_timestamp_seconds')).toBeGreaterThan(Date.now() / 1000);
  });
});

describe('a certificate that cannot be used leaves the one before in force', () => {
  const failures = async () =>
    (await webhook.metric('countersign_reloads_total', { file: 'tls', result: 'failed' })) ?? 0;
  const complaints = () => webhook.log.filter(({ level, problem }) => level === 'error' && problem !== undefined);

  it.each([
    [
      'the key is of another pair',
      async () => ({ 'tls.crt': (await newServing()).certificate, 'tls.key': (await newServing()).key }),
      'the key does not belong to the certificate',
    ],
    ['the key is missing', async () => ({ 'tls.crt': (await newServing()).certificate }), 'tls.key'],
    ['nothing is there', async () => ({}), 'ENOENT'],
    ['it is not PEM', async () => ({ 'tls.crt': 'x', 'tls.key': (await newServing()).key }), ''],
    [
      'it is cut off',
      async () => {
        const { certificate, key } = await newServing();
        return { 'tls.crt': certificate.slice(0, -60), 'tls.key': key };
      },
      '',
    ],
    [
      'what follows in the chain is broken',
      async () => {
        const { certificate, key } = await newServing();
        return {
          'tls.crt': `${certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
          'tls.key': key,
        };
      },
      '',
    ],
  ])('%s', async (_, files, problem) => {
    const good = await newServing();
    await takesOver(good);
    const [failedBefore, complaintsBefore] = [await failures(), complaints().length];

    webhook.volumes.tls.replace(await files());
    await until('the failure is counted', async () => (await failures()) > failedBefore);
    expect(await shown()).toBe(serialOf(good));
    expect(await ask(webhook.endpoint, reviewOf())).toMatchObject({ allowed: true });
    expect((await webhook.probe('/readyz')).status).toBe(200);
    await until('the failure is logged', () => complaints().length > complaintsBefore);
    expect(complaints().at(-1)).toMatchObject({ problem: expect.stringContaining(problem) as string });
    expect(webhook.output).not.toContain('PRIVATE KEY');

    await takesOver(await newServing());
  });
});
