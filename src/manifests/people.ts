import { OBJECT, SESSION_IDENTITY } from '../names.ts';
import { any, list, literal } from './cel.ts';

/** Who is who in the expressions of admission policies. */

const USERNAME = 'request.userInfo.username';

/** Where all controllers share one identity (kube-controller-manager without `--use-service-account-credentials`). */
const CONTROLLER_MANAGER = 'system:kube-controller-manager';

export const GARBAGE_COLLECTOR = 'system:serviceaccount:kube-system:generic-garbage-collector';
export const NAMESPACE_CONTROLLER = 'system:serviceaccount:kube-system:namespace-controller';
/** Takes away the oldest tokens in Secrets. */
export const TOKEN_CLEANER = 'system:serviceaccount:kube-system:legacy-service-account-token-cleaner';

export function isOneOf(usernames: readonly string[]): string {
  return `${USERNAME} in ${list([...new Set([...usernames, CONTROLLER_MANAGER])])}`;
}

/** Any account of Countersign's own namespace, where nobody but Countersign runs. */
export const IS_COUNTERSIGN = `${USERNAME}.startsWith(${literal(`system:serviceaccount:${OBJECT.namespace}:`)})`;

/** Name and group, as both are what the API server goes by (NodeRestriction). */
export const IS_NODE = `(${USERNAME}.startsWith('system:node:') && 'system:nodes' in request.userInfo.groups)`;

/** Who cares for the objects of sessions. */
export const KEEPS_SESSIONS = any([IS_COUNTERSIGN, isOneOf([GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER])]);

/** A running session, by the marks that `sessionOf` knows it by. The API server writes extra keys in lower case. */
export const IS_SESSION = `(${any([
  `${literal(SESSION_IDENTITY.extraKey)} in request.userInfo.?extra.orValue({})`,
  `request.userInfo.?groups.orValue([]).exists(group, group.startsWith(${literal(SESSION_IDENTITY.groupPrefix)}))`,
])})`;

/** What the names of a session's objects begin with; the pod's uid follows. */
export const SESSION_PREFIX = SESSION_IDENTITY.namePrefix;
