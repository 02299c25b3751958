import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { makeLoopbackCertificate } from '../../../../src/session/kubernetes/certificate.ts';
import { describeCertificate } from '../../../../src/tls/authority.ts';
import * as der from '../../../../src/tls/der.ts';

const NOW = new Date('2026-11-23T01:02:03Z');
const made = makeLoopbackCertificate(NOW, 3650);
const authority = new X509Certificate(made.authority);
const certificate = new X509Certificate(made.certificate);

it('is read alike by OpenSSL and by the library that the webhook uses', () => {
  expect(describeCertificate(made.certificate)).toEqual({
    subject: 'CN=localhost',
    issuer: 'CN=countersign session',
    serialNumber: certificate.serialNumber.toLowerCase(),
    notBefore: new Date('2026-11-23T00:57:03Z'),
    notAfter: new Date('2036-11-20T01:02:03Z'),
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    isAuthority: false,
  });
  expect(certificate.validToDate).toEqual(new Date('2036-11-20T01:02:03Z'));
  expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(certificate.checkPrivateKey(createPrivateKey(made.key))).toBe(true);
  expect(describeCertificate(made.authority)).toMatchObject({
    subject: 'CN=countersign session',
    issuer: 'CN=countersign session',
    isAuthority: true,
  });
  expect([authority.ca, certificate.ca]).toEqual([true, false]);
});

it('is signed by its authority, whose key signs nothing else', () => {
  expect(certificate.checkIssued(authority)).toBe(true);
  expect(certificate.verify(authority.publicKey)).toBe(true);
  expect(authority.verify(authority.publicKey)).toBe(true);
  expect(authority.checkPrivateKey(createPrivateKey(made.key))).toBe(false);
  expect(certificate.verify(new X509Certificate(makeLoopbackCertificate(NOW, 1).authority).publicKey)).toBe(false);
});

it.each([
  ['127.0.0.1', {}],
  ['localhost', { servername: 'localhost' }],
])('opens a connection to %s for who trusts that authority alone', async (_, name) => {
  const { authority: ca, certificate: cert, key } = makeLoopbackCertificate(new Date(), 1);
  const server = createServer({ cert, key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ca, ...name });
  try {
    await once(client, 'secureConnect');
    expect(client.authorized).toBe(true);
  } finally {
    client.destroy();
    server.close();
  }
});

it('says its end also after 2049, when certificates write years with four digits', () => {
  const { certificate: late } = makeLoopbackCertificate(new Date('2045-06-07T08:09:10Z'), 3650);
  const end = new Date('2055-06-05T08:09:10Z');
  expect(new X509Certificate(late).validToDate).toEqual(end);
  expect(describeCertificate(late).notAfter).toEqual(end);
});

it('numbers are positive and as short as can be', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
      const encoded = der.integer(Buffer.from(bytes));
      const body = encoded.subarray(encoded[1] === 0x82 ? 4 : encoded[1] === 0x81 ? 3 : 2);
      expect(BigInt(`0x${body.toString('hex')}`)).toBe(value);
      expect(body[0]).toBeLessThan(0x80);
      expect(body[0] === 0 && body.length > 1 && (body[1] ?? 0) < 0x80).toBe(false);
    }),
  );
});
