import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/errors.ts';
import { createAuthority, describeCertificate, issueServing, type PemPair } from '../../src/tls/authority.ts';

const now = new Date();
const authority = await createAuthority({ commonName: 'test authority', days: 365, now });
const names = { dnsNames: ['localhost', 'webhook.example.svc'], ipAddresses: ['127.0.0.1', '::1'] };
const serving = await issueServing({ authority, ...names, days: 30, now });

describe('an authority', () => {
  const certificate = new X509Certificate(authority.certificate);

  test('is self-signed, and its key belongs to it', () => {
    expect(certificate.ca).toBe(true);
    expect(certificate.checkIssued(certificate)).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(authority.key))).toBe(true);
    expect(createPublicKey(authority.key).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  test('is valid since five minutes before now, for its days', () => {
    const { notBefore, notAfter, isAuthority } = describeCertificate(authority.certificate);
    expect(isAuthority).toBe(true);
    expect(notBefore).toEqual(wholeSeconds(now.getTime() - 5 * 60_000));
    expect(notAfter).toEqual(wholeSeconds(now.getTime() + 365 * 86_400_000));
  });

  test('may sign certificates and no further authorities, and says so in what strict readers ask for', () => {
    const extensions = extensionsOf(certificate);
    expect(extensions).toContain('critical 2.5.29.19'); // basicConstraints
    expect(extensions).toContain('critical 2.5.29.15'); // keyUsage
    expect(extensions).toContain('2.5.29.14'); // subjectKeyIdentifier
    // SEQUENCE { BOOLEAN true, INTEGER 0 }: an authority whose leaves are leaves.
    expect(certificate.raw.includes(Buffer.from('30060101ff020100', 'hex'))).toBe(true);
  });
});

describe('a serving certificate', () => {
  const certificate = new X509Certificate(serving.certificate);

  test('is signed by its authority, for the names asked for and no others', () => {
    const issuer = new X509Certificate(authority.certificate);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkIssued(issuer)).toBe(true);
    expect(certificate.verify(issuer.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(serving.key))).toBe(true);
    expect(certificate.checkHost('webhook.example.svc', { subject: 'never' })).toBe('webhook.example.svc');
    expect(certificate.checkHost('other.example.svc')).toBeUndefined();
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.checkIP('127.0.0.2')).toBeUndefined();
  });

  test('serves TLS servers only, and names its authority’s key', () => {
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']); // serverAuth
    const extensions = extensionsOf(certificate);
    expect(extensions).toContain('critical 2.5.29.19');
    expect(extensions).toContain('critical 2.5.29.15');
    expect(extensions).toContain('2.5.29.14');
    expect(extensions).toContain('2.5.29.35'); // authorityKeyIdentifier
  });

  test('is described by its names and its end', () => {
    const described = describeCertificate(serving.certificate);
    expect(described.dnsNames).toEqual(names.dnsNames);
    expect(described.ipAddresses).toEqual(names.ipAddresses);
    expect(described.isAuthority).toBe(false);
    expect(described.subject).toBe('CN=localhost');
    expect(described.issuer).toBe('CN=test authority');
    expect(described.notAfter).toEqual(wholeSeconds(now.getTime() + 30 * 86_400_000));
  });

  test('does not outlive its authority', async () => {
    const long = await issueServing({ authority, ...names, days: 1000, now });
    expect(describeCertificate(long.certificate).notAfter).toEqual(describeCertificate(authority.certificate).notAfter);
  });

  test('has a serial number of its own, positive and 16 bytes long', async () => {
    const many = await Promise.all(
      Array.from({ length: 20 }, () => issueServing({ authority, ...names, days: 1, now })),
    );
    const serials = many.map(({ certificate: pem }) => new X509Certificate(pem).serialNumber);
    expect(new Set(serials).size).toBe(20);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });
});

describe('over TLS', () => {
  test.each(['localhost', '127.0.0.1'])('a client that trusts the authority reaches %s', async (name) => {
    const { protocol, error } = await handshake(serving, authority.certificate, name);
    expect(error).toBeUndefined();
    expect(protocol).toBe('TLSv1.3');
  });

  test('a client refuses another name, and another authority of the same name', async () => {
    const namesake = await createAuthority({ commonName: 'test authority', days: 365, now });
    expect((await handshake(serving, authority.certificate, 'elsewhere.example')).error).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    expect((await handshake(serving, namesake.certificate, 'localhost')).error).toBeDefined();
  });

  test('while an authority is replaced, both its own and its successor’s certificates verify, in either order', async () => {
    const successor = await createAuthority({ commonName: 'test authority', days: 365, now });
    const successorsServing = await issueServing({ authority: successor, ...names, days: 30, now });
    for (const bundle of [
      successor.certificate + authority.certificate,
      authority.certificate + successor.certificate,
    ]) {
      expect((await handshake(serving, bundle, 'localhost')).error).toBeUndefined();
      expect((await handshake(successorsServing, bundle, 'localhost')).error).toBeUndefined();
    }
  });
});

describe('what cannot be done is a fault', () => {
  const year = 365 * 86_400_000;
  const request = { authority, ...names, days: 30, now };
  const curve = { ...authority, key: otherCurve() };

  test.each([
    ['no names', { ...request, dnsNames: [], ipAddresses: [] }, /at least one name/],
    ['no days', { ...request, days: 0 }, /0 days/],
    ['days that are no number', { ...request, days: Number.NaN }, /NaN days/],
    ['an expired authority', { ...request, now: new Date(now.getTime() + year) }, /ended on/],
    ['a broken authority', { ...request, authority: { ...authority, certificate: 'x' } }, /not a certificate/],
    ['a broken key', { ...request, authority: { ...authority, key: 'x' } }, /not a private key/],
    ['a key on another curve', { ...request, authority: curve }, /P-256/],
  ])('%s', async (_, broken, message) => {
    const fault = await issueServing(broken).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Fault);
    expect(fault).toMatchObject({ code: 'CertificateInvalid', message: expect.stringMatching(message) });
  });

  test('the description of something else', () => {
    expect(() => describeCertificate(authority.key)).toThrow(Fault);
  });
});

/** Certificates count in seconds. */
function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}

/** The object identifiers of its extensions, as OpenSSL's DER has them, `critical` in front where it is. */
function extensionsOf(certificate: X509Certificate): string[] {
  const found: string[] = [];
  // Every extension used here is `id-ce` (55 1d) and one more byte; BOOLEAN true (01 01 ff) follows if it is critical.
  for (const match of certificate.raw.toString('hex').matchAll(/0603551d(..)(0101ff)?/g)) {
    found.push(`${match[2] === undefined ? '' : 'critical '}2.5.29.${Number.parseInt(match[1] ?? '', 16)}`);
  }
  return found;
}

function otherCurve(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** One real handshake on loopback: the protocol agreed on, or the code of the error the client ended with. */
async function handshake(server: PemPair, ca: string, name: string): Promise<{ protocol?: string; error?: string }> {
  const listener = createServer({ cert: server.certificate, key: server.key }, (socket) => socket.end('hello'));
  // A client that refuses the certificate ends the connection in the middle of the handshake.
  listener.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  // An IP address is no server name (RFC 6066); without one, the host is what the certificate must name.
  const target = name === '127.0.0.1' ? { host: name } : { host: '127.0.0.1', servername: name };
  try {
    return await new Promise((resolve) => {
      const socket: TLSSocket = connect({ ...target, port, ca }, () => {
        const protocol = socket.getProtocol();
        socket.destroy();
        resolve(protocol === null ? {} : { protocol });
      });
      socket.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? error.message }));
    });
  } finally {
    await new Promise((resolve) => listener.close(resolve));
  }
}
