import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;

/** A certificate and its private key. */
export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of our own, for one control plane. */
export class Authority {
  readonly pem: PemPair;
  readonly #certificate: x509.X509Certificate;
  readonly #key: CryptoKey;

  private constructor(pem: PemPair, key: CryptoKey) {
    this.pem = pem;
    this.#certificate = new x509.X509Certificate(pem.cert);
    this.#key = key;
  }

  static async create(commonName: string): Promise<Authority> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      keys,
      name: distinguishedName(['CN', commonName]),
      ...validity(),
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const pem = { cert: pemLines(certificate.toString('pem')), key: await exportKey(keys.privateKey) };
    return new Authority(pem, keys.privateKey);
  }

  /** The same authority again, from what another process wrote down. */
  static async load(pem: PemPair): Promise<Authority> {
    const pkcs8 = x509.PemConverter.decodeFirst(pem.key);
    return new Authority(pem, await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']));
  }

  /** A client certificate; the API server reads the user from CN and the groups from O. */
  client(user: string, groups: readonly string[] = []): Promise<PemPair> {
    const name = distinguishedName(['CN', user], ...groups.map((group): NamePart => ['O', group]));
    return this.#issue(name, [new x509.ExtendedKeyUsageExtension([clientAuth])]);
  }

  /** A serving certificate for these host names and IP addresses. */
  server(hosts: readonly string[]): Promise<PemPair> {
    const names = hosts.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value }));
    return this.#issue(distinguishedName(['CN', hosts[0] ?? 'server']), [
      new x509.ExtendedKeyUsageExtension([serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
    ]);
  }

  async #issue(subject: x509.Name, extensions: x509.Extension[]): Promise<PemPair> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      publicKey: keys.publicKey,
      signingKey: this.#key,
      subject,
      issuer: this.#certificate.subjectName,
      ...validity(),
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate),
        ...extensions,
      ],
    });
    return { cert: pemLines(certificate.toString('pem')), key: await exportKey(keys.privateKey) };
  }
}

/** A key pair for signing service account tokens, in the two PEM files that the components read. */
export async function signingKeyPair(): Promise<{ readonly publicKey: string; readonly privateKey: string }> {
  const keys = await generateKeys();
  const spki = await crypto.subtle.exportKey('spki', keys.publicKey);
  return {
    publicKey: pemLines(x509.PemConverter.encode(spki, 'PUBLIC KEY')),
    privateKey: await exportKey(keys.privateKey),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function exportKey(key: CryptoKey): Promise<string> {
  return pemLines(x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY'));
}

type NamePart = readonly [attribute: 'CN' | 'O', value: string];

/** From objects and not from strings, in which the library gives some characters a meaning. */
function distinguishedName(...parts: readonly NamePart[]): x509.Name {
  return new x509.Name(parts.map(([attribute, value]) => ({ [attribute]: [{ utf8String: value }] })));
}

function validity(): { notBefore: Date; notAfter: Date } {
  const hour = 3_600_000;
  return { notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + 24 * hour) };
}

/** PEM files are put one after the other by some readers, so each ends its last line. */
function pemLines(pem: string): string {
  return `${pem.trimEnd()}\n`;
}

function isAddress(host: string): boolean {
  return /^[0-9.]+$|:/.test(host);
}
