import { z } from 'zod';

/**
 * Ready-made operator rules for the ways in which clusters name their users (one entry of the table a preset).
 * Each pins whatever would otherwise let two humans have one name: an account, a role, mail domains.
 */

/** A rule as an admin would write it by hand. */
export interface ExpandedRule {
  readonly match: { readonly username?: string; readonly extra?: Readonly<Record<string, string>> };
  readonly operator: { readonly capture: number } | { readonly extra: string };
}

const account = z
  .string()
  .regex(/^[0-9]{12}$/)
  .describe('AWS account number, 12 digits.');
const role = z
  .string()
  .regex(/^[A-Za-z0-9_+=,.@-]{1,64}$/)
  .describe('Name of one IAM role, without its path.');
const prefix = z.string().max(253).describe("What the API server puts before the name, such as 'oidc:'; may be empty.");
const domains = z
  .array(z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/))
  .min(1)
  .max(32)
  .describe('Mail domains of the humans.');
const guests = z
  .boolean()
  .describe('Also users without a mail address, by their object id; that includes service principals.');

/** All parameters of all presets; `parsePreset` says which belong to which. */
export const presetParameters = z.strictObject({
  account: account.optional(),
  role: role.optional(),
  prefix: prefix.optional(),
  domains: domains.optional(),
  guests: guests.optional(),
});

type Parameters = z.output<typeof presetParameters>;

interface Preset<Schema extends z.ZodType = z.ZodType> {
  readonly parameters: Schema;
  expand(parameters: z.output<Schema>): readonly ExpandedRule[];
}

function preset<Schema extends z.ZodType>(
  parameters: Schema,
  expand: (parameters: z.output<Schema>) => readonly ExpandedRule[],
): Preset<Schema> {
  return { parameters, expand };
}

const ARN = 'arn:aws[a-z-]*';

const PRESETS = {
  /** IAM users: `arn:aws:iam::ACCOUNT:user/PATH/NAME`. Names are unique in an account, whatever the path. */
  'eks-iam-user': preset(z.strictObject({ account }), ({ account }) => [
    { match: { username: `${ARN}:iam::${account}:user/(?:[!-~]+/)?([^/]+)` }, operator: { capture: 1 } },
  ]),
  /**
   * One assumed role, by its raw session name: the username's template form turns `@` into `-`.
   * Only for a role whose trust policy pins the session name; elsewhere whoever assumes it picks the name.
   */
  'eks-assumed-role': preset(z.strictObject({ account, role }), ({ account, role }) => [
    {
      match: { extra: { arn: `${ARN}:sts::${account}:assumed-role/${escape(role)}/.+` } },
      operator: { extra: 'sessionName' },
    },
  ]),
  /**
   * Access entries of IAM users that an admin gave custom usernames; the extra key shows that the identity came from
   * AWS. Not of roles: `{{SessionName}}` in a username turns `@` into `-`, so that two sessions may have one name.
   */
  'eks-access-entry': preset(z.strictObject({ account, prefix }), ({ account, prefix }) => [
    {
      match: { username: `${escape(prefix)}(.+)`, extra: { arn: `${ARN}:iam::${account}:user/.+` } },
      operator: { capture: 1 },
    },
  ]),
  /** Google accounts by mail address. A domain is needed: service accounts have mail addresses too. */
  gke: preset(z.strictObject({ domains }), ({ domains }) => [mail('', domains)]),
  /** Entra ID users by principal name, guests by object id (`#EXT#` names are not clean). */
  aks: preset(z.strictObject({ domains, guests: guests.optional() }), ({ domains, guests }) => {
    const byId: ExpandedRule = { match: { username: GUID, extra: { oid: GUID } }, operator: { extra: 'oid' } };
    return guests === true ? [mail('', domains), byId] : [mail('', domains)];
  }),
  /** OpenID Connect: the prefix that the API server is configured with, then the claim. */
  oidc: preset(z.strictObject({ prefix, domains: domains.optional() }), ({ prefix, domains }) => [
    domains === undefined
      ? { match: { username: `${escape(prefix)}(.+)` }, operator: { capture: 1 } }
      : mail(prefix, domains),
  ]),
  /** Client certificates: the common name as it is. Give the rule a group (the certificate's organisation) too. */
  certificate: preset(z.strictObject({ domains: domains.optional() }), ({ domains }) => [
    domains === undefined ? { match: { username: '([^:]+)' }, operator: { capture: 1 } } : mail('', domains),
  ]),
} as const satisfies Record<string, Preset<never> | Preset>;

const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as [PresetName, ...PresetName[]];

export type PresetResult =
  | { readonly ok: true; readonly rules: readonly ExpandedRule[] }
  | { readonly ok: false; readonly problems: readonly { path: readonly PropertyKey[]; message: string }[] };

/** Checks a preset's parameters and writes out its rules; one preset may stand for several. */
export function expandPreset(name: PresetName, parameters: Parameters): PresetResult {
  const chosen: Preset = PRESETS[name];
  const parsed = chosen.parameters.safeParse(parameters);
  if (!parsed.success) return { ok: false, problems: parsed.error.issues };
  return { ok: true, rules: chosen.expand(parsed.data) };
}

function mail(prefix: string, domains: readonly string[]): ExpandedRule {
  const alternatives = domains.map(escape).join('|');
  return { match: { username: `${escape(prefix)}([^@#]+@(?:${alternatives}))` }, operator: { capture: 1 } };
}

function escape(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
