import type { Identification } from '../operator/identify.ts';
import type { Requester } from '../operator/requester.ts';
import type { Policy } from '../policy/compile.ts';
import type { Reference, StampClaims, UnsignedClaims } from '../stamp/claims.ts';

/** Who stands behind something, and how that is known: the part of a stamp that does not depend on its holder. */
export type Author = Pick<StampClaims, 'op' | 'how' | 'rule' | 'by' | 'reason' | 'req' | 'adjusted'> & {
  readonly root?: Reference | undefined;
};

const MAX_GROUPS = 64;
const MAX_GROUP_LENGTH = 256;

/** The author that a request itself shows. */
export function authorOf(
  who: Exclude<Identification, { kind: 'refused' }>,
  requester: Requester,
  policy: Policy,
): Author {
  return {
    op: who.operator,
    how: who.kind,
    rule: who.rule,
    ...(who.kind === 'delegated' && { by: who.delegator }),
    req: recordOf(requester, policy),
  };
}

/** The author that a stamp names. */
export function authorIn({ op, how, rule, by, reason, req, adjusted, root }: StampClaims): Author {
  return {
    op,
    how,
    rule,
    req,
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
    ...(adjusted !== undefined && { adjusted }),
    ...(root !== undefined && { root }),
  };
}

/**
 * The requester as a stamp keeps it. Groups that roles are given to come first: what the bound cuts off must not be the
 * group by which the policy chose the role.
 */
export function recordOf({ username, uid, groups }: Requester, policy: Policy): StampClaims['req'] {
  const short = groups.filter((group) => group.length <= MAX_GROUP_LENGTH);
  const patterns = policy.roles.flatMap((role) => role.groups ?? []);
  const matters = (group: string): boolean => patterns.some((pattern) => pattern.matches(group));
  const first = short.filter(matters);
  const kept = [...first, ...short.filter((group) => !first.includes(group))].slice(0, MAX_GROUPS);
  return { user: username, ...(uid !== undefined && { uid }), groups: kept };
}

/** The groups that count for the choice of a role: never those of a delegator or of whoever had an object restamped. */
export function groupsFor({ how, req }: Author): readonly string[] {
  return how === 'direct' ? req.groups : [];
}

/** Claims of an author for a holder. */
export function claimsFor(
  author: Author,
  about: Pick<UnsignedClaims, 'typ' | 'role' | 'ns' | 'gov' | 'holder' | 'dig' | 'parent'>,
): UnsignedClaims {
  const { root, ...rest } = author;
  return { ...rest, ...about, ...(root !== undefined && { root }) };
}
