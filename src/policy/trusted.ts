import { OBJECT } from '../names.ts';
import type { Account } from './accounts.ts';
import { type Access, type Grant, type Holder, holdersOf, type RbacSubject } from './rbac.ts';

/** Whom lint leaves out when it says who can act as an account: who has the cluster anyway, and the account itself. */

/** Each `*` is matched by nothing but itself. */
const EVERYTHING: Access = { verbs: ['*'], group: '*', resource: '*', object: 'unnamed', namespace: undefined };

/** Of everybody, or of every service account: no admins, whatever they may do. */
const ANYBODY: ReadonlySet<string> = new Set([
  'system:authenticated',
  'system:unauthenticated',
  'system:serviceaccounts',
]);

/** Who may do everything in the whole cluster. `system:masters` may as well, without any binding. */
export function adminsIn(grants: readonly Grant[]): readonly Holder[] {
  return holdersOf(grants, [EVERYTHING]).filter(
    ({ subject }) => subject.kind !== 'Group' || !ANYBODY.has(subject.name),
  );
}

const CONTROL_PLANE: ReadonlySet<string> = new Set([
  'system:masters',
  'system:nodes',
  'system:serviceaccounts:kube-system',
  'system:apiserver',
  'system:kube-controller-manager',
  'system:kube-scheduler',
]);

/** What the cluster itself runs by, and Countersign. */
export function isControlPlane({ kind, namespace, name }: RbacSubject): boolean {
  if (kind === 'ServiceAccount') return namespace === 'kube-system' || namespace === OBJECT.namespace;
  return CONTROL_PLANE.has(name) || (kind === 'User' && name.startsWith('system:node:'));
}

export function isItself({ kind, namespace, name }: RbacSubject, { username, home, isNamed }: Account): boolean {
  return kind === 'ServiceAccount' ? namespace === home && isNamed(name) : kind === 'User' && name === username;
}
