import { Fault } from '../errors.ts';

/** A service account, or with the name `*` all of a namespace. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** RFC 1123: a namespace is a label, a service account's name a subdomain. */
const FORM = /^(?<namespace>[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)\/(?<name>\*|[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$/;

/**
 * Reads `NAMESPACE/NAME`.
 *
 * @param every whether `NAMESPACE/*` will do
 * @throws Fault `UsageInvalid`
 */
export function readServiceAccount(text: string, every: boolean): ServiceAccount {
  const { namespace, name } = FORM.exec(text)?.groups ?? {};
  if (namespace === undefined || name === undefined || (name === '*' && !every)) {
    const example = every ? 'agents/runner, or agents/* for all of a namespace' : 'agents/runner';
    throw new Fault('UsageInvalid', `"${text}" is no service account. Next: give --service-account as ${example}`);
  }
  return { namespace, name };
}
