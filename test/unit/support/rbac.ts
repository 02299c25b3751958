import type { ClusterView } from '../../../src/policy/lint-cluster.ts';
import type { RbacBinding, RbacRole, RbacRule, RbacSubject } from '../../../src/policy/rbac.ts';

/** RBAC objects as admins write them, in short. */

export function rule(verbs: string, group: string, resources: string, ...resourceNames: string[]): RbacRule {
  return { verbs: verbs.split(' '), apiGroups: [group], resources: resources.split(' '), resourceNames };
}

export const EVERYTHING = rule('*', '*', '*');

export const user = (name: string): RbacSubject => ({ kind: 'User', namespace: undefined, name });
export const group = (name: string): RbacSubject => ({ kind: 'Group', namespace: undefined, name });
export const account = (namespace: string, name: string): RbacSubject => ({ kind: 'ServiceAccount', namespace, name });

/** A role and the binding that gives it to the subjects; cluster-wide without a namespace. */
export interface Given {
  readonly in?: string;
  readonly to: readonly RbacSubject[];
  readonly rules: readonly RbacRule[];
  /** The kind that is bound. */
  readonly kind?: 'Role' | 'ClusterRole';
}

/** A cluster in which namespaces are under the policies given. */
export function clusterView(
  namespaces: Readonly<Record<string, string | undefined>>,
  given: readonly Given[] = [],
): ClusterView {
  const roles: RbacRole[] = [];
  const bindings: RbacBinding[] = [];
  for (const [index, { in: namespace, to, rules, kind = 'ClusterRole' }] of given.entries()) {
    const name = `r${index}`;
    roles.push({ namespace: kind === 'Role' ? namespace : undefined, name, rules });
    bindings.push({ namespace, name: `b${index}`, role: { kind, name }, subjects: to });
  }
  return { namespaces: new Map(Object.entries(namespaces)), rbac: { roles, bindings }, complete: true };
}
