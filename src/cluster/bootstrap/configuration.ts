import { Fault } from '../../errors.ts';
import { WEBHOOKS } from '../../names.ts';
import type { Change, SecretData } from './change.ts';
import { readCertificates } from './pem.ts';

/** The part of a Mutating- or ValidatingWebhookConfiguration that `bootstrap` reads. */
export interface WebhookConfiguration {
  readonly webhooks: readonly Webhook[];
}

export interface Webhook {
  readonly name: string;
  readonly clientConfig: {
    /** Base64 of PEM. */
    readonly caBundle?: string;
    readonly service?: { readonly path?: string };
  };
}

/** A strategic merge patch: webhooks merge by name, so nothing that it does not name is touched or dropped. */
export interface WebhookPatch {
  readonly webhooks: readonly {
    readonly name: string;
    readonly clientConfig: { readonly caBundle?: string; readonly service: { readonly path: string } };
  }[];
}

/** The path that each webhook's secret follows, by the webhook's name. */
const PATHS: Readonly<Record<string, string>> = WEBHOOKS;

export interface Wanted {
  /** The authorities in PEM; without them `caBundle` belongs to somebody else and is left alone. */
  readonly trust?: string;
  readonly pathSecret: SecretData;
}

/**
 * Decides what a webhook configuration needs.
 *
 * @param title names the object in faults
 * @throws Fault `BootstrapFailed` when none of its webhooks is known, or one does not lead to a Service
 */
export function planConfiguration(
  title: string,
  { webhooks }: WebhookConfiguration,
  { trust, pathSecret }: Wanted,
): Change<WebhookPatch> | undefined {
  const ours = webhooks.filter(({ name }) => PATHS[name] !== undefined);
  if (ours.length === 0) throw unusable(title, `has none of the webhooks ${Object.keys(PATHS).join(', ')}`);
  const caBundle = trust === undefined ? undefined : Buffer.from(trust).toString('base64');
  const reasons = new Set<string>();
  const outcomes = new Set<Change<WebhookPatch>['outcome']>();
  const patches = ours.flatMap(({ name, clientConfig }) => {
    if (clientConfig.service === undefined) throw unusable(title, `does not lead webhook ${name} to a Service`);
    const path = `${PATHS[name]}/${pathSecret['current']}`;
    const samePath = clientConfig.service.path === path;
    const sameTrust = caBundle === undefined || clientConfig.caBundle === caBundle;
    if (samePath && sameTrust) return [];
    if (!samePath) {
      reasons.add('path');
      outcomes.add(pathOutcome(clientConfig.service.path, `${PATHS[name]}/${pathSecret['previous']}`));
    }
    if (!sameTrust) {
      reasons.add('caBundle');
      outcomes.add(trustOutcome(clientConfig.caBundle, trust ?? ''));
    }
    return [{ name, clientConfig: { ...(caBundle === undefined ? {} : { caBundle }), service: { path } } }];
  });
  if (patches.length === 0) return undefined;
  // What needed repair is worth saying, whatever else was due.
  const outcome = (['repaired', 'renewed', 'made'] as const).find((candidate) => outcomes.has(candidate)) ?? 'repaired';
  return { outcome, because: [...reasons].join(' and '), patch: { webhooks: patches } };
}

function pathOutcome(found: string | undefined, previous: string): Change<WebhookPatch>['outcome'] {
  if (!found) return 'made';
  return found === previous ? 'renewed' : 'repaired';
}

/** A bundle that holds one of the trusted authorities was right before an authority came or went. */
function trustOutcome(found: string | undefined, trust: string): Change<WebhookPatch>['outcome'] {
  if (!found) return 'made';
  const trusted = new Set(readCertificates(trust)?.map(({ fingerprint256 }) => fingerprint256));
  const known = readCertificates(Buffer.from(found, 'base64').toString());
  return known?.some(({ fingerprint256 }) => trusted.has(fingerprint256)) ? 'renewed' : 'repaired';
}

function unusable(title: string, what: string): Fault {
  return new Fault('BootstrapFailed', `${title} ${what}. Next: apply the manifests again, then run this once more`);
}
