import { randomBytes } from 'node:crypto';
import type { SecretChange, SecretData } from './change.ts';

/**
 * The secret in the webhook's path. It keeps out forged reviews; API servers print the webhook's URL when they cannot
 * reach it, so whoever reads such a message learns it, and it is rotated for that reason.
 *
 * | keys | where a rotation stands | what comes next, after every replica and API server had time to notice |
 * | --- | --- | --- |
 * | `current` | none is under way | |
 * | `current`, `next` | replicas take both, API servers use `current` | `next` becomes `current`, the configurations move |
 * | `current`, `previous` | replicas take both, API servers move to `current` | `previous` goes |
 *
 * Replicas accept every key, so none of the steps has a moment in which an API server is turned away.
 */

/**
 * 32 bytes in lower-case hexadecimal: the API server takes each segment of a webhook's path only as a DNS subdomain
 * (`ValidateWebhookService`), which rules out base64url's capitals and `_`.
 */
const WELL_FORMED = /^[0-9a-f]{64}$/;

export function isPathSecret(value: string | undefined): value is string {
  return value !== undefined && WELL_FORMED.test(value);
}

/** Takes path secrets out of a text, such as an API server's message that quotes a path. */
export function withoutPathSecrets(text: string): string {
  return text.replace(/[0-9a-f]{64}/gi, '(path secret)');
}

const KEYS: ReadonlySet<string> = new Set(['current', 'next', 'previous']);

/**
 * Decides what the Secret needs so that `current` can be used; it neither begins nor moves a rotation.
 *
 * What does not belong goes away: replicas accept whatever the Secret holds, and take nothing new while any of it is
 * malformed.
 */
export function planPathSecret(data: SecretData): SecretChange | undefined {
  const { current, ...others } = data;
  const unfit = Object.entries(others).filter(([key, value]) => !KEYS.has(key) || !isPathSecret(value));
  const patch = Object.fromEntries(unfit.map(([key]) => [key, null]));
  if (isPathSecret(current)) {
    if (unfit.length === 0) return undefined;
    return { outcome: 'repaired', because: `took away ${unfit.map(([key]) => key).join(', ')}`, patch };
  }
  const made = { ...patch, current: newPathSecret() };
  if (!current) return { outcome: 'made', because: 'there was none', patch: made };
  return { outcome: 'repaired', because: 'current was not a secret of 64 hexadecimal digits', patch: made };
}

/** Begins a rotation: replicas learn the new secret before anybody uses it. */
export function publishNext(data: SecretData): SecretChange | undefined {
  if (data['next'] !== undefined) return undefined;
  return { outcome: 'renewed', because: 'a new secret is published', patch: { next: newPathSecret() } };
}

/** The step that a rotation under way needs; `undefined` when none is under way. */
export function pendingStep(data: SecretData): (SecretChange & { readonly step: 'switch' | 'retire' }) | undefined {
  const { current, next, previous } = data;
  if (next !== undefined) {
    return {
      step: 'switch',
      outcome: 'renewed',
      because: 'the new secret is in use',
      patch: { current: next, previous: current ?? null, next: null },
    };
  }
  if (previous !== undefined) {
    return { step: 'retire', outcome: 'renewed', because: 'the old secret is void', patch: { previous: null } };
  }
  return undefined;
}

function newPathSecret(): string {
  return randomBytes(32).toString('hex');
}
