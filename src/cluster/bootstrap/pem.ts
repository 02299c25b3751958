import { createPrivateKey, X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Reads certificates in PEM, one after the other; `undefined` when there is none or one of them is broken. */
export function readCertificates(
  pem: string | undefined,
): readonly [X509Certificate, ...X509Certificate[]] | undefined {
  try {
    const [first, ...others] = (pem?.match(CERTIFICATE) ?? []).map((block) => new X509Certificate(block));
    return first === undefined ? undefined : [first, ...others];
  } catch {
    return undefined;
  }
}

/** Puts certificates one after the other, as API servers and TLS libraries read bundles. */
export function writeCertificates(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => `${certificate.toString().trimEnd()}\n`).join('');
}

/** Whether the text is the certificate's private key. */
export function keyBelongs(certificate: X509Certificate, key: string | undefined): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key ?? ''));
  } catch {
    return false;
  }
}

/** Whether the authority signed the certificate: by name and key identifier, and by the signature itself. */
export function signedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}
