import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, reasonOf } from '../errors.ts';
import { readVolume } from '../files/volume.ts';

/** A serving certificate with its key, both PEM. */
export interface ServingCertificate {
  readonly cert: string;
  readonly key: string;
  readonly notAfter: Date;
}

/** Names of the files in a `kubernetes.io/tls` Secret volume. */
export const TLS_FILES = { cert: 'tls.crt', key: 'tls.key' } as const;

/**
 * Reads `tls.crt` and `tls.key` of a directory.
 *
 * @throws Fault `CertificateInvalid` when one is missing, is not PEM, or the key is another certificate's (as it may be
 * for a moment while the two are replaced where they are no volume)
 */
export async function readServingCertificate(directory: string): Promise<ServingCertificate> {
  try {
    const [cert, key] = await readVolume(directory, (from) =>
      Promise.all([readFile(join(from, TLS_FILES.cert), 'utf8'), readFile(join(from, TLS_FILES.key), 'utf8')]),
    );
    const certificate = new X509Certificate(cert);
    if (!certificate.checkPrivateKey(createPrivateKey(key)))
      throw new Error('the key does not belong to the certificate');
    return { cert, key, notAfter: certificate.validToDate };
  } catch (thrown) {
    throw new Fault('CertificateInvalid', `no usable certificate in ${directory}: ${reasonOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** Tells two certificates apart without keeping the key around. */
export function fingerprintOf(certificate: ServingCertificate): string {
  return createHash('sha256').update(certificate.cert).update(certificate.key).digest('hex');
}
