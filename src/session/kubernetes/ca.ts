import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Fault, reasonOf } from '../../errors.ts';
import { isObject } from '../../json.ts';
import { isSecret, newSecret } from '../secret.ts';
import type { Store } from '../state.ts';
import { makeLoopbackCertificate } from './certificate.ts';

/** What the proxy proves itself with, and what it asks of callers. */
export interface ProxySecrets {
  /** PEM. The authority's key is nowhere: it signed this one certificate and was forgotten. */
  readonly ca: string;
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** What a caller sends as its bearer token. */
  readonly token: string;
}

/** One file, so that a certificate never stands there without its authority. */
const FILE = 'kubernetes-proxy.json';
/** Longer than any session: clients keep the authority that they read at their start. */
const DAYS = 3650;

/**
 * The proxy's certificate and local token: those of the last run when this is a restart of the session container, as
 * the application holds them already. What is there and cannot be used is made anew.
 *
 * @throws Fault `KubernetesAccessFailed` when none can be made
 */
export async function proxySecrets(store: Store, now: Date = new Date()): Promise<ProxySecrets> {
  const kept = parse(await store.read(FILE), now);
  if (kept !== undefined) return kept;
  const made = make(now);
  await store.write(FILE, JSON.stringify(made));
  return made;
}

function make(now: Date): ProxySecrets {
  try {
    const { authority, certificate, key } = makeLoopbackCertificate(now, DAYS);
    return { ca: authority, certificate, key, token: newSecret() };
  } catch (thrown) {
    throw new Fault(
      'KubernetesAccessFailed',
      `no certificate could be made for the way to the Kubernetes API: ${reasonOf(thrown)}. ` +
        'Next: look at the clock of the node; if it is right, report this as a defect',
      { cause: thrown },
    );
  }
}

function parse(text: string | undefined, now: Date): ProxySecrets | undefined {
  if (text === undefined) return undefined;
  try {
    const found: unknown = JSON.parse(text);
    if (!isObject(found)) return undefined;
    const { ca, certificate, key, token } = found;
    if (typeof ca !== 'string' || typeof certificate !== 'string') return undefined;
    if (typeof key !== 'string' || typeof token !== 'string' || !isSecret(token)) return undefined;
    const serving = new X509Certificate(certificate);
    const fits =
      serving.verify(new X509Certificate(ca).publicKey) &&
      serving.checkPrivateKey(createPrivateKey(key)) &&
      serving.validToDate > now;
    return fits ? { ca, certificate, key, token } : undefined;
  } catch {
    return undefined;
  }
}
