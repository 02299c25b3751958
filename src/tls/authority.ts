// The library reads its type metadata at import time, so this comes first.
import 'reflect-metadata';
import { createPrivateKey, type KeyObject, randomBytes, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { Fault, reasonOf } from '../errors.ts';

/**
 * A small certificate authority for the one hop that Countersign serves: API server to webhook.
 *
 * P-256 throughout: a handshake costs less than with RSA, and every API server speaks it. The extensions are those
 * that RFC 5280 asks for, because strict readers (Python 3.13, OpenSSL with `-x509_strict`) refuse what lacks them.
 */

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** A clock that is a little behind must not find a certificate that is not valid yet. */
const BACKDATED_MS = 5 * 60_000;

/** A certificate and its private key (PKCS #8), both PEM with a line end after the last line. */
export interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

export interface AuthorityRequest {
  readonly commonName: string;
  /** How long it is valid. */
  readonly days: number;
  readonly now: Date;
}

/**
 * Makes a self-signed P-256 authority that may sign leaf certificates and no further authorities.
 *
 * @throws Fault `CertificateInvalid` when the request makes no certificate, such as one with no days.
 */
export async function createAuthority({ commonName, days, now }: AuthorityRequest): Promise<PemPair> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    name: nameOf(commonName),
    serialNumber: newSerial(),
    ...validity(now, days),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pair(certificate, keys);
}

export interface ServingRequest {
  readonly authority: PemPair;
  /** The first is also the common name. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** How long it is valid, unless the authority's own end comes first. */
  readonly days: number;
  readonly now: Date;
}

/**
 * Makes a serving certificate with a new P-256 key, signed by the authority.
 *
 * It never outlives its authority: a certificate that looks valid and yet verifies nowhere is hard to find.
 *
 * @throws Fault `CertificateInvalid` when the authority is unreadable, not P-256 or expired, or no name is given.
 */
export async function issueServing(request: ServingRequest): Promise<PemPair> {
  const { authority, dnsNames, ipAddresses, days, now } = request;
  const names = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const [first] = names;
  if (first === undefined) throw new Fault('CertificateInvalid', 'a serving certificate needs at least one name');
  const issuer = parse(authority.certificate);
  const { notBefore, notAfter } = validity(now, days);
  if (issuer.notAfter <= now) {
    throw new Fault('CertificateInvalid', `the authority ended on ${issuer.notAfter.toISOString()}; make a new one`);
  }
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority.key),
    subject: nameOf(first.value),
    issuer: issuer.subjectName,
    serialNumber: newSerial(),
    notBefore,
    notAfter: issuer.notAfter < notAfter ? issuer.notAfter : notAfter,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return pair(certificate, keys);
}

/** What people and readiness checks want to know of a certificate. */
export interface CertificateDescription {
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly isAuthority: boolean;
}

/**
 * Describes a certificate in PEM; of several, the first, as a TLS server does.
 *
 * @throws Fault `CertificateInvalid` when there is none or it cannot be read.
 */
export function describeCertificate(pem: string): CertificateDescription {
  const certificate = parse(pem);
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const ofType = (type: x509.GeneralNameType) => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    subject: certificate.subject,
    issuer: certificate.issuer,
    serialNumber: certificate.serialNumber,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    dnsNames: ofType('dns'),
    ipAddresses: ofType('ip'),
    isAuthority: certificate.getExtension(x509.BasicConstraintsExtension)?.ca ?? false,
  };
}

function parse(pem: string): x509.X509Certificate {
  try {
    return new x509.X509Certificate(pem);
  } catch (error) {
    throw new Fault('CertificateInvalid', `not a certificate in PEM: ${reasonOf(error)}`, { cause: error });
  }
}

/** Takes PKCS #8 and SEC 1, so that a key that OpenSSL made serves too. */
async function signingKey(pem: string): Promise<CryptoKey> {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    // OpenSSL's message speaks of the decoder and holds nothing of the key.
    throw new Fault('CertificateInvalid', `not a private key in PEM: ${reasonOf(error)}`, { cause: error });
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Fault('CertificateInvalid', "the authority's key is not on the curve P-256");
  }
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), ALGORITHM, false, ['sign']);
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pair(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<PemPair> {
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: endLine(certificate.toString('pem')),
    key: endLine(x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')),
  };
}

/** Bundles are made by putting PEM texts one after the other. */
function endLine(pem: string): string {
  return `${pem.trimEnd()}\n`;
}

/** Typed as UTF-8, because the library reads a plain string that begins with `#` as hexadecimal. */
function nameOf(commonName: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}

/** 16 random bytes as a positive number (RFC 5280, 4.1.2.2): the top bit clear, and not led by a zero byte. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function validity(now: Date, days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  if (!(days > 0)) throw new Fault('CertificateInvalid', `a certificate cannot be valid for ${days} days`);
  return { notBefore: new Date(now.getTime() - BACKDATED_MS), notAfter: new Date(now.getTime() + days * DAY_MS) };
}
