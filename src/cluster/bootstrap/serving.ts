import { OBJECT } from '../../names.ts';
import { issueServing } from '../../tls/authority.ts';
import type { SecretChange, SecretData } from './change.ts';
import { endsWithin, SERVING_DAYS, SERVING_RENEWED_BEFORE_DAYS } from './lifetimes.ts';
import { keyBelongs, readCertificates, signedBy } from './pem.ts';

/** The name by which API servers call a webhook's Service (RFC 6125 has them check it), and its long form. */
export const SERVING_NAMES: readonly string[] = [
  `${OBJECT.webhook}.${OBJECT.namespace}.svc`,
  `${OBJECT.webhook}.${OBJECT.namespace}.svc.cluster.local`,
];

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/**
 * Decides what the Secret with the serving certificate needs, given the Secret of the authority.
 *
 * A certificate of an authority that has been replaced, but is still trusted, is left alone until its own time is
 * over: replacing it at once would race the API servers, which learn of the new authority at their own pace.
 */
export async function planServing(
  data: SecretData,
  authority: SecretData,
  now: Date,
): Promise<SecretChange | undefined> {
  const bundle = authority['ca.crt'] ?? '';
  const flaw = servingFlaw(data, bundle, now);
  if (flaw !== undefined) {
    const made = await issueServing({
      authority: { certificate: bundle, key: authority['ca.key'] ?? '' },
      dnsNames: SERVING_NAMES,
      ipAddresses: [],
      days: SERVING_DAYS,
      now,
    });
    return { ...flaw, patch: { 'tls.crt': made.certificate, 'tls.key': made.key, 'ca.crt': bundle } };
  }
  if (data['ca.crt'] === bundle) return undefined;
  return { outcome: 'renewed', because: 'ca.crt follows the authority', patch: { 'ca.crt': bundle } };
}

/** Why a new certificate is needed. */
function servingFlaw(
  data: SecretData,
  bundle: string,
  now: Date,
): Pick<SecretChange, 'outcome' | 'because'> | undefined {
  if (!data['tls.crt'] && !data['tls.key']) return { outcome: 'made', because: 'there was none' };
  const repaired = (because: string) => ({ outcome: 'repaired', because }) as const;
  const certificates = readCertificates(data['tls.crt']);
  if (certificates === undefined) return repaired('tls.crt was not readable');
  const [certificate] = certificates;
  if (!keyBelongs(certificate, data['tls.key'])) return repaired('tls.key did not belong to tls.crt');
  const missing = SERVING_NAMES.filter((name) => certificate.checkHost(name, { subject: 'never' }) === undefined);
  if (missing.length > 0) return repaired(`tls.crt was not for ${missing.join(', ')}`);
  if (!certificate.keyUsage?.includes(SERVER_AUTH)) return repaired('tls.crt was not for servers');
  const authority = readCertificates(bundle)?.find((candidate) => signedBy(certificate, candidate));
  if (authority === undefined) return repaired('tls.crt was not signed by the authority');
  if (certificate.validFromDate > now) return repaired('tls.crt was not valid yet');
  const end = certificate.validToDate < authority.validToDate ? certificate.validToDate : authority.validToDate;
  if (endsWithin(end, SERVING_RENEWED_BEFORE_DAYS, now)) {
    return { outcome: 'renewed', because: `it ends on ${end.toISOString()}` };
  }
  return undefined;
}
