import { type Denial, deny } from '../denials.ts';
import type { Claim } from '../operator/identify.ts';
import type { Policy, RoleRule } from './compile.ts';

export type RoleChoice =
  | { readonly kind: 'role'; readonly arn: string }
  | { readonly kind: 'refused'; readonly denial: Denial };

/**
 * Chooses the session role: the first that fits the operator, or the one that the pod asks for if it fits too.
 *
 * @param groups the operator's own groups; empty for a delegated pod, as the delegator's groups are not the operator's
 */
export function chooseRole(policy: Policy, operator: string, groups: readonly string[], claim: Claim): RoleChoice {
  if (claim.kind === 'unclear') return refused(deny('RoleClaimUnclear', { problem: claim.problem }));
  const allowed = policy.roles.filter((role) => fits(role, operator, groups));
  const [first] = allowed;
  if (first === undefined) return refused(deny('NoRole', { operator, policy: policy.name }));
  if (claim.kind === 'none') return { kind: 'role', arn: first.arn };
  const asked = allowed.find((role) => role.arn === claim.value);
  if (asked === undefined) return refused(deny('RoleNotAllowed', { role: claim.value, operator, policy: policy.name }));
  return { kind: 'role', arn: asked.arn };
}

function fits(role: RoleRule, operator: string, groups: readonly string[]): boolean {
  if (role.operators === undefined && role.groups === undefined) return true;
  if (role.operators?.some((pattern) => pattern.matches(operator))) return true;
  return role.groups?.some((pattern) => groups.some((group) => pattern.matches(group))) ?? false;
}

function refused(denial: Denial): RoleChoice {
  return { kind: 'refused', denial };
}
