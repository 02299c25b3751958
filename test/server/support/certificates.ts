import { X509Certificate } from 'node:crypto';
import { createAuthority, issueServing, type PemPair } from '../../../src/tls/authority.ts';
import type { ServingCertificate } from '../../../src/tls/files.ts';

const now = new Date();

/** Signs every serving certificate of a test file; what clients trust. */
export const authority: PemPair = await createAuthority({ commonName: 'server tests', days: 2, now });

/** A new key and certificate for loopback. */
export function newServing(): Promise<PemPair> {
  return issueServing({ authority, dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'], days: 1, now });
}

export function asServing(pair: PemPair): ServingCertificate {
  return { cert: pair.certificate, key: pair.key, notAfter: new X509Certificate(pair.certificate).validToDate };
}

export function serialOf(pair: PemPair): string {
  return new X509Certificate(pair.certificate).serialNumber;
}
