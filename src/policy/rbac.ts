import { quote } from '../denials.ts';

/**
 * Who may do what, read off RBAC objects as the API server's authorizer does (`pkg/apis/rbac/v1/evaluation_helpers.go`
 * of Kubernetes). Rules of aggregated ClusterRoles stand in the objects: a controller fills them in, and the authorizer
 * goes by what it filled in as well.
 */

export interface RbacRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  /** Plurals, with `/subresource`; `*` is all of them, and `*` with a subresource that of everything. */
  readonly resources: readonly string[];
  /** Empty: whatever the name. */
  readonly resourceNames: readonly string[];
}

/** A Role, or a ClusterRole, which has no namespace. */
export interface RbacRole {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly rules: readonly RbacRule[];
}

export interface RbacSubject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  /** Of a service account. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** A RoleBinding, or a ClusterRoleBinding, which has no namespace. */
export interface RbacBinding {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly role: { readonly kind: string; readonly name: string };
  readonly subjects: readonly RbacSubject[];
}

export interface Rbac {
  readonly roles: readonly RbacRole[];
  readonly bindings: readonly RbacBinding[];
}

/** Something that may be done: any of the verbs. */
export interface Access {
  readonly verbs: readonly string[];
  readonly group: string;
  /** Plural, with `/subresource` where it is one. */
  readonly resource: string;
  /**
   * Which objects: of a request that names none (`create`, or a verb on the kind), of any object whatever its name, or
   * of those named so.
   */
  readonly object: 'unnamed' | 'any' | ((name: string) => boolean);
  /** Undefined for what is cluster-scoped, which no RoleBinding gives. */
  readonly namespace: string | undefined;
}

/** Who has a right, and by what. */
export interface Holder {
  readonly subject: RbacSubject;
  /** As people call them: `RoleBinding "agents/editors"`; sorted. */
  readonly bindings: readonly string[];
}

/** A binding with what it gives, so that each role is looked up once. */
export interface Grant {
  readonly binding: RbacBinding;
  readonly rules: readonly RbacRule[];
}

/** What every binding gives. One to a role that is not there gives nothing. */
export function grantsOf({ roles, bindings }: Rbac): readonly Grant[] {
  const rulesOf = new Map(roles.map((role) => [keyOf(role.namespace, role.name), role.rules]));
  return bindings.flatMap((binding) => {
    const home = binding.role.kind === 'Role' ? binding.namespace : undefined;
    const rules = rulesOf.get(keyOf(home, binding.role.name));
    return rules === undefined ? [] : [{ binding, rules }];
  });
}

/** Whoever may do any of these, sorted by kind and name. */
export function holdersOf(grants: readonly Grant[], accesses: readonly Access[]): readonly Holder[] {
  const found = new Map<string, { subject: RbacSubject; bindings: Set<string> }>();
  for (const { binding, rules } of grants) {
    const here = accesses.filter(({ namespace }) => binding.namespace === undefined || binding.namespace === namespace);
    if (!here.some((access) => rules.some((rule) => allows(rule, access)))) continue;
    for (const subject of binding.subjects.map(normal)) {
      const title = titleOfSubject(subject);
      const holder = found.get(title) ?? { subject, bindings: new Set() };
      found.set(title, { subject, bindings: holder.bindings.add(titleOfBinding(binding)) });
    }
  }
  return [...found]
    .toSorted(([one], [other]) => compare(one, other))
    .map(([, { subject, bindings }]) => ({ subject, bindings: [...bindings].toSorted(compare) }));
}

/** Whether a rule gives a right. */
export function allows(rule: RbacRule, { verbs, group, resource, object }: Access): boolean {
  if (!rule.verbs.includes('*') && !verbs.some((verb) => rule.verbs.includes(verb))) return false;
  if (!rule.apiGroups.includes('*') && !rule.apiGroups.includes(group)) return false;
  const [, subresource] = resource.split('/');
  const named = rule.resources.some(
    (each) => each === '*' || each === resource || (subresource !== undefined && each === `*/${subresource}`),
  );
  if (!named) return false;
  if (rule.resourceNames.length === 0 || object === 'any') return true;
  // A request that names no object has the empty name.
  return object === 'unnamed' ? rule.resourceNames.includes('') : rule.resourceNames.some(object);
}

/** As people call it: `User "alice"`, `ServiceAccount "agents/robot"`. */
export function titleOfSubject({ kind, namespace, name }: RbacSubject): string {
  return `${kind} ${quote(namespace === undefined ? name : `${namespace}/${name}`)}`;
}

function titleOfBinding({ namespace, name }: RbacBinding): string {
  return namespace === undefined ? `ClusterRoleBinding ${quote(name)}` : `RoleBinding ${quote(`${namespace}/${name}`)}`;
}

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):(.+)$/;

/** A service account may be bound by its username as well. */
function normal(subject: RbacSubject): RbacSubject {
  const [, namespace, name] = (subject.kind === 'User' && SERVICE_ACCOUNT.exec(subject.name)) || [];
  return name === undefined ? subject : { kind: 'ServiceAccount', namespace, name };
}

function keyOf(namespace: string | undefined, name: string): string {
  return JSON.stringify([namespace ?? null, name]);
}

/** By code units, so that the order is the same in every locale. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
