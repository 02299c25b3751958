import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import * as der from '../../tls/der.ts';

/**
 * The certificates of a session's proxy. They are always the same two but for keys and times, so they are written out
 * here: the X.509 library that the webhook uses has 560 KB, which every session would load and hold.
 *
 * P-256, and the extensions that RFC 5280 asks for: strict readers (Python 3.13, OpenSSL with `-x509_strict`) refuse
 * what lacks them.
 */
export interface LoopbackCertificate {
  /** PEM. Its key signed this one certificate and is nowhere. */
  readonly authority: string;
  /** PEM, for 127.0.0.1 and localhost. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

const DAY_MS = 86_400_000;
/** A clock that is a little behind must not find a certificate that is not valid yet. */
const BACKDATED_MS = 5 * 60_000;

export function makeLoopbackCertificate(now: Date, days: number): LoopbackCertificate {
  const signer = generateKeyPairSync('ec', CURVE);
  const server = generateKeyPairSync('ec', CURVE);
  const validity = der.sequence(
    der.time(new Date(now.getTime() - BACKDATED_MS)),
    der.time(new Date(now.getTime() + days * DAY_MS)),
  );
  const issuer = { name: nameOf('countersign session'), key: signer.privateKey, validity };
  const authority = issue(issuer, issuer.name, signer.publicKey, [
    extension(OID.basicConstraints, der.sequence(der.TRUE, der.integer(Buffer.from([0]))), 'critical'),
    // keyCertSign and cRLSign, bits 5 and 6.
    extension(OID.keyUsage, der.bitString(Buffer.from([0b0000_0110]), 1), 'critical'),
    extension(OID.subjectKeyIdentifier, der.octetString(keyIdentifier(signer.publicKey))),
  ]);
  const certificate = issue(issuer, nameOf('localhost'), server.publicKey, [
    extension(OID.basicConstraints, der.sequence(), 'critical'),
    // digitalSignature, bit 0.
    extension(OID.keyUsage, der.bitString(Buffer.from([0b1000_0000]), 7), 'critical'),
    extension(OID.extendedKeyUsage, der.sequence(der.objectIdentifier(OID.serverAuth))),
    extension(OID.subjectAltName, der.sequence(dnsName('localhost'), ipAddress(127, 0, 0, 1))),
    extension(OID.subjectKeyIdentifier, der.octetString(keyIdentifier(server.publicKey))),
    extension(OID.authorityKeyIdentifier, der.sequence(der.implicit(0, keyIdentifier(signer.publicKey)))),
  ]);
  return { authority, certificate, key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

const CURVE = { namedCurve: 'P-256' } as const;

const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

interface Issuer {
  readonly name: Buffer;
  readonly key: KeyObject;
  readonly validity: Buffer;
}

/** Certificate and TBSCertificate (RFC 5280, 4.1), in PEM. */
function issue(issuer: Issuer, subject: Buffer, key: KeyObject, extensions: readonly Buffer[]): string {
  const algorithm = der.sequence(der.objectIdentifier(OID.ecdsaWithSha256));
  const toBeSigned = der.sequence(
    // Version 3.
    der.explicit(0, der.integer(Buffer.from([2]))),
    der.integer(newSerial()),
    algorithm,
    issuer.name,
    issuer.validity,
    subject,
    key.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensions)),
  );
  const signature = der.bitString(sign('sha256', toBeSigned, issuer.key));
  const lines =
    der
      .sequence(toBeSigned, algorithm, signature)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** 16 random bytes as a positive number (RFC 5280, 4.1.2.2): the top bit clear, and not led by a zero byte. */
function newSerial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function nameOf(commonName: string): Buffer {
  return der.sequence(der.set(der.sequence(der.objectIdentifier(OID.commonName), der.utf8String(commonName))));
}

function extension(oid: string, content: Buffer, critical?: 'critical'): Buffer {
  const mark = critical === undefined ? [] : [der.TRUE];
  return der.sequence(der.objectIdentifier(oid), ...mark, der.octetString(content));
}

/** GeneralName, with the numbers of its choices (RFC 5280, 4.2.1.6). */
function dnsName(name: string): Buffer {
  return der.implicit(2, Buffer.from(name));
}

function ipAddress(...bytes: readonly number[]): Buffer {
  return der.implicit(7, Buffer.from(bytes));
}

/** SHA-1 of the key's bits (RFC 5280, 4.2.1.2): a name for the key, which nothing trusts. The point is uncompressed. */
function keyIdentifier(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const point = [Buffer.from([0x04]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  return createHash('sha1').update(Buffer.concat(point)).digest();
}
