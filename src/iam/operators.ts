import { Fault } from '../errors.ts';
import { Language } from '../policy/language.ts';
import type { PolicySpec } from '../policy/schema.ts';

/**
 * Who may be a session role's SourceIdentity, as the globs that IAM knows (`*`, `?`). AWS believes whatever value the
 * base role sets; the trust policy is the only thing that narrows it there.
 */

type Role = PolicySpec['session']['roles'][number];

/** A glob over an operator's characters. */
const GLOB = /^[A-Za-z0-9_+=,.@*?-]{1,64}$/;

/**
 * The globs for one session role: its own operators where it names nobody else; otherwise the given ones, or those that
 * follow from the policy's mail domains.
 *
 * @param given what the admin wrote; may be empty
 * @throws Fault `UsageInvalid` when nothing is given and the policy's rules do not come down to globs
 */
export function operatorsOf(spec: PolicySpec, role: Role, given: readonly string[]): readonly string[] {
  for (const glob of given) {
    if (GLOB.test(glob)) continue;
    throw new Fault('UsageInvalid', `--operators "${glob}" fits no operator. Next: write it as in '*@example.com'`);
  }
  const own = role.groups === undefined ? allGlobs((role.operators ?? []).map(globOf)) : undefined;
  if (own !== undefined && own.length > 0) return own;
  if (given.length > 0) return given;
  const everybody = allGlobs([...spec.operators.flatMap(globsOfRule), ...spec.delegators.flatMap(globsOfDelegator)]);
  if (everybody !== undefined && everybody.length > 0) return everybody;
  throw new Fault(
    'UsageInvalid',
    'the operators of this policy are not all of known mail domains, so what a trust policy should let through does ' +
      `not follow from it. Next: give --operators, such as --operators '*@example.com', once for each glob`,
  );
}

type Rule = PolicySpec['operators'][number];

/** Guests of Entra ID are operators by object id, which no mail domain covers. */
function globsOfRule({ with: parameters }: Rule): readonly (string | undefined)[] {
  if (parameters?.domains === undefined || parameters.guests === true) return [undefined];
  return parameters.domains.map((domain) => `*@${domain}`);
}

function globsOfDelegator({ operators }: PolicySpec['delegators'][number]): readonly (string | undefined)[] {
  return operators.map(globOf);
}

/**
 * The glob that holds all that a pattern matches: the one name that it spells, or everybody of one mail domain.
 * Undefined for any other pattern: a glob that is guessed too wide lets people through whom the policy does not mean.
 */
function globOf(pattern: string): string | undefined {
  const language = Language.of(pattern);
  if (language === undefined) return undefined;
  if (language.isSingle() === true) return language.example();
  const [, domain] = /@((?:[A-Za-z0-9-]|\\\.)+)$/.exec(pattern) ?? [];
  if (domain === undefined || Language.of(`.*@${domain}`)?.contains(language) !== true) return undefined;
  return `*@${domain.replaceAll('\\', '')}`;
}

/** Each once; undefined as soon as one is missing. */
function allGlobs(globs: readonly (string | undefined)[]): readonly string[] | undefined {
  const known = globs.filter((glob) => glob !== undefined);
  return known.length === globs.length ? [...new Set(known)] : undefined;
}
