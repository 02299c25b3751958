import type { X509Certificate } from 'node:crypto';
import { createAuthority } from '../../tls/authority.ts';
import type { SecretChange, SecretData } from './change.ts';
import { AUTHORITY_DAYS, AUTHORITY_RENEWED_BEFORE_DAYS, endsWithin } from './lifetimes.ts';
import { keyBelongs, readCertificates, writeCertificates } from './pem.ts';

/**
 * The Secret with the webhook's authority. `ca.crt` is the whole trust bundle: first the authority that `ca.key`
 * belongs to, after it those it replaced, each until its end, because what they signed is still being served.
 */

/** More means that something replaces the authority again and again; a bundle must not grow without end. */
const TRUSTED_AT_MOST = 4;

/** Decides what the Secret needs. */
export async function planAuthority(data: SecretData, now: Date): Promise<SecretChange | undefined> {
  const flaw = authorityFlaw(data, now);
  const older = (readCertificates(data['ca.crt']) ?? []).filter((certificate) => isTrustworthy(certificate, now));
  if (flaw !== undefined) {
    const made = await createAuthority({ commonName: 'Countersign webhook CA', days: AUTHORITY_DAYS, now });
    const bundle = made.certificate + writeCertificates(older.slice(0, TRUSTED_AT_MOST - 1));
    return { ...flaw, patch: { 'ca.crt': bundle, 'ca.key': made.key } };
  }
  const bundle = writeCertificates(older.slice(0, TRUSTED_AT_MOST));
  if (bundle === data['ca.crt']) return undefined;
  return { outcome: 'renewed', because: 'an authority that it replaced has ended', patch: { 'ca.crt': bundle } };
}

/** Why a new authority is needed. */
function authorityFlaw(data: SecretData, now: Date): Pick<SecretChange, 'outcome' | 'because'> | undefined {
  if (!data['ca.crt'] && !data['ca.key']) return { outcome: 'made', because: 'there was none' };
  const repaired = (because: string) => ({ outcome: 'repaired', because }) as const;
  const certificates = readCertificates(data['ca.crt']);
  if (certificates === undefined) return repaired('ca.crt was not readable');
  const [authority] = certificates;
  if (!keyBelongs(authority, data['ca.key'])) return repaired('ca.key did not belong to ca.crt');
  if (!authority.ca || !authority.verify(authority.publicKey)) return repaired('ca.crt was no self-signed authority');
  if (authority.publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return repaired('its key was not P-256');
  if (authority.validFromDate > now) return repaired('ca.crt was not valid yet');
  if (endsWithin(authority.validToDate, AUTHORITY_RENEWED_BEFORE_DAYS, now)) {
    return { outcome: 'renewed', because: `it ends on ${authority.validToDate.toISOString()}` };
  }
  return undefined;
}

function isTrustworthy(certificate: X509Certificate, now: Date): boolean {
  return certificate.ca && certificate.validToDate > now;
}
