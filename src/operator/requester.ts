import { SESSION_IDENTITY } from '../names.ts';

/** The authenticated identity in an AdmissionReview (`authentication.k8s.io/v1` UserInfo). */
export interface Requester {
  readonly username: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Longest username or extra value that is looked at. An ARN has at most 2,048 characters. */
const MAX_IDENTITY_LENGTH = 2048;

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):(.+)$/;

/**
 * What names the running session that this requester is, or undefined.
 *
 * A session acts under its operator's name, so that without this check an agent would count as the human who
 * started it, and could start pods without end in that name.
 */
export function sessionOf(requester: Requester): string | undefined {
  const group = requester.groups.find((name) => name.startsWith(SESSION_IDENTITY.groupPrefix));
  if (group !== undefined) return group;
  for (const key of Object.keys(requester.extra)) {
    // The API server lowers the case of extra keys when it reads them from impersonation headers.
    if (key.toLowerCase() === SESSION_IDENTITY.extraKey) return `${key}=${requester.extra[key]?.join(',') ?? ''}`;
  }
  const account = SERVICE_ACCOUNT.exec(requester.username)?.[2];
  return account?.startsWith(SESSION_IDENTITY.namePrefix) ? requester.username : undefined;
}

/** Set by the API server for whoever shows a service account token (Kubernetes 1.30 and later, KEP-4193). */
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/**
 * Why a service account is not believed to be a delegator, or undefined.
 *
 * The built-in `edit` role may impersonate every service account of its namespace, and mint their tokens: an author of
 * pods would be the delegator, and name anybody. Who impersonates shows no token, and may not set the extra key; against
 * a minted token stands that a delegator lives in another namespace than its pods.
 *
 * @param namespace of the pod
 */
export function doubtAboutServiceAccount(requester: Requester, namespace: string): string | undefined {
  const [, home] = SERVICE_ACCOUNT.exec(requester.username) ?? [];
  if (home === undefined) return undefined;
  if (home === namespace) return 'it lives in the namespace of the pod, where whoever may edit can act as it';
  const shown = requester.extra[CREDENTIAL_ID] ?? [];
  return shown.some((id) => id.startsWith('JTI='))
    ? undefined
    : `it showed no token of its own (extra ${CREDENTIAL_ID})`;
}

/** Groups that only machines and anonymous callers are in (Kubernetes, "Authenticating": built-in groups). */
const MACHINE_GROUPS: ReadonlySet<string> = new Set([
  'system:serviceaccounts',
  'system:nodes',
  'system:unauthenticated',
]);

/**
 * Whether the requester is one of the cluster's own identities: never a human, whatever a rule captures from it.
 * `system:admin` and its like are shared, so they name nobody either.
 */
export function isMachine(requester: Requester): boolean {
  return requester.username.startsWith('system:') || requester.groups.some((group) => MACHINE_GROUPS.has(group));
}

export function isServiceAccount(requester: Requester): boolean {
  return SERVICE_ACCOUNT.test(requester.username);
}

/**
 * What keeps an identity string from being compared at all, or undefined.
 *
 * Only printable ASCII is compared: look-alike letters and control characters make two identities that a person
 * reading the policy or the log would take for one.
 */
export function unreadable(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (text.length > MAX_IDENTITY_LENGTH) return `it has ${text.length} characters, ${MAX_IDENTITY_LENGTH} are read`;
  const foreign = /[^\x20-\x7e]/u.exec(text)?.[0];
  if (foreign === undefined) return undefined;
  return `it contains U+${(foreign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
