import { once } from 'node:events';
import { connect, type ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from './support/client.ts';
import { head, rawTcp, rawTls } from './support/raw.ts';
import { reviewOf } from './support/reviews.ts';
import { startWebhook, type TestWebhook } from './support/webhook.ts';

let webhook: TestWebhook;
beforeAll(async () => {
  webhook = await startWebhook();
});
afterAll(() => webhook[Symbol.asyncDispose]());

/** The code of the error that a handshake ends with. */
async function refusal(options: ConnectionOptions): Promise<unknown> {
  const socket = connect({ host: '127.0.0.1', port: webhook.port, ca: webhook.ca, ...options });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  return error.code;
}

describe('the listener', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    using connection = await rawTls(webhook, { minVersion: version, maxVersion: version });
    expect(connection.socket.getProtocol()).toBe(version);
    expect(connection.socket.getEphemeralKeyInfo()).toMatchObject({ type: expect.any(String) as string });
  });

  it.each(['TLSv1', 'TLSv1.1'] as const)('does not speak %s', async (version) => {
    // Level 0, or the client itself would refuse to offer it.
    const code = await refusal({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
    expect(code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  it('offers HTTP/1.1 and nothing else, as API servers ask for', async () => {
    using connection = await rawTls(webhook, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(connection.socket.alpnProtocol).toBe('http/1.1');
    expect(await refusal({ ALPNProtocols: ['h2'] })).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
  });

  it('does not let a TLS 1.2 client renegotiate without end', async () => {
    using connection = await rawTls(webhook, { maxVersion: 'TLSv1.2' });
    const renegotiate = () =>
      new Promise<boolean>((resolve) => {
        connection.socket.once('close', () => resolve(false));
        const begun = connection.socket.renegotiate({}, (error) => resolve(error === null));
        if (begun !== true) resolve(false);
      });
    let done = 0;
    while (done < 10 && (await renegotiate())) done += 1;
    expect(done).toBeLessThan(5);
  });

  it.each([
    ['plain HTTP', head('/', {}, 'GET')],
    ['bytes of no meaning', '\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007'],
    ['a record longer than there are', '\u0016\u0003\u0001\u00ff\u00ff'],
  ])('ends a connection that begins with %s', async (_, beginning) => {
    using connection = await rawTcp(webhook.port);
    connection.socket.write(beginning, 'latin1');
    await connection.closed;
    expect(await ask(webhook, reviewOf())).toMatchObject({ allowed: true });
  });
});
