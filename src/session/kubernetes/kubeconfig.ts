import type { JsonObject } from '../../json.ts';
import { PATH, SESSION_IDENTITY } from '../../names.ts';
import type { SharedFiles } from '../shared-files.ts';
import type { ActingAs } from './headers.ts';

/** How a client reaches the proxy. */
export interface ProxyAddress {
  readonly port: number;
  /** The caller's local token. */
  readonly token: string;
  /** PEM. */
  readonly ca: string;
  /** What clients take when they name none. */
  readonly namespace: string;
}

/**
 * The files for clients of both kinds: a kubeconfig, and what an in-cluster client looks for. The token stands in the
 * kubeconfig itself, because the JavaScript client reads no `tokenFile`, and ends without a line end, because some
 * clients send that too.
 */
export function proxyFiles(address: ProxyAddress): SharedFiles {
  const { port, token, ca, namespace } = address;
  return {
    kubeconfig: kubeconfig({ server: `https://127.0.0.1:${port}`, ...authority(ca) }, { token }, namespace),
    [`${PATH.serviceAccountSubPath}/ca.crt`]: ca,
    [`${PATH.serviceAccountSubPath}/token`]: token,
    [`${PATH.serviceAccountSubPath}/namespace`]: namespace,
  };
}

/**
 * For a session without Kubernetes access: a kubeconfig with which every client fails at once and says why. Without
 * one kubectl would try localhost:8080, and look broken.
 */
export function noAccessFiles(): SharedFiles {
  return { kubeconfig: kubeconfig({ server: NO_ACCESS }, {}, 'default') };
}

/** `.invalid` is never resolved (RFC 6761, 6.4). */
const NO_ACCESS = 'https://no-kubernetes-access-in-this-session.invalid';

/** A caller's own way to a cluster, from its kubeconfig. */
export interface CallersAccess {
  /** The entry's `cluster`. */
  readonly cluster: JsonObject;
  /** The entry's `user`. */
  readonly user: JsonObject;
  readonly namespace?: string;
}

/**
 * The caller's kubeconfig with the operator in front: for clients that honour `as`, which those made with client-go do.
 * What it impersonated before is taken out.
 */
export function impersonatingKubeconfig(access: CallersAccess, { operator, sessionId, group }: ActingAs): string {
  const own = Object.entries(access.user).filter(([key]) => key !== 'as' && !key.startsWith('as-'));
  const user: JsonObject = {
    ...Object.fromEntries(own),
    as: operator,
    'as-user-extra': { [SESSION_IDENTITY.extraKey]: [sessionId] },
    ...(group ? { 'as-groups': [`${SESSION_IDENTITY.groupPrefix}${sessionId}`] } : {}),
  };
  return kubeconfig(access.cluster, user, access.namespace);
}

function authority(pem: string): JsonObject {
  return { 'certificate-authority-data': Buffer.from(pem).toString('base64') };
}

/** One cluster, one user. JSON is YAML too, and leaves nothing to quoting. */
function kubeconfig(cluster: JsonObject, user: JsonObject, namespace: string | undefined): string {
  const context = { cluster: NAME, user: NAME, ...(namespace === undefined ? {} : { namespace }) };
  const config: JsonObject = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: NAME, cluster }],
    users: [{ name: NAME, user }],
    contexts: [{ name: NAME, context }],
    'current-context': NAME,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

const NAME = 'session';
