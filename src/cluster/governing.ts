import { type Mode, readMode } from '../admission/governance.ts';
import { Fault } from '../errors.ts';
import { isObject, type JsonObject } from '../json.ts';
import { annotationOf, labelOf } from '../lineage/metadata.ts';
import { ANNOTATION, API, LABEL } from '../names.ts';
import { formatProblem, type ReadPolicy, readPolicy } from '../policy/read.ts';
import { quote } from '../denials.ts';
import { apiFailure } from './client.ts';
import type { ObjectApi } from './objects.ts';

/**
 * What governs a namespace, for commands that people run: they say what is wrong where the webhook would refuse.
 *
 * @throws Fault `UsageInvalid` when there is no such namespace, `ClusterFailed` when it cannot be read
 */
export async function readNamespace(api: ObjectApi, namespace: string): Promise<JsonObject> {
  const found = await reaching(`namespace ${quote(namespace)}`, () =>
    api.find(`/api/v1/namespaces/${encodeURIComponent(namespace)}`),
  );
  if (found !== undefined) return found;
  throw new Fault('UsageInvalid', `there is no namespace ${quote(namespace)}. Next: name another one with -n`);
}

/** Where a namespace stands. */
export interface Standing {
  readonly policyName: string | undefined;
  readonly mode: Mode;
  readonly podSecurity: string;
  /** Since when it is governed; undefined where it does not say, or is not. */
  readonly since: string | undefined;
}

export function standingOfNamespace(namespace: JsonObject): Standing {
  const policyName = policyNameOf(namespace);
  return {
    policyName,
    mode: readMode(labelOf(namespace, LABEL.mode)).mode,
    podSecurity: labelOf(namespace, LABEL.podSecurityEnforce) ?? '',
    since: policyName === undefined ? undefined : annotationOf(namespace, ANNOTATION.governedSince),
  };
}

/** The policy that a namespace's label names; undefined where it has none. */
export function policyNameOf(namespace: JsonObject): string | undefined {
  return labelOf(namespace, LABEL.policy);
}

/** @throws Fault `PolicyInvalid` when it cannot be used, `UsageInvalid` when there is none of that name */
export async function readClusterPolicy(api: ObjectApi, name: string): Promise<ReadPolicy> {
  const path = `/apis/${API.apiVersion}/${API.policyPlural}/${encodeURIComponent(name)}`;
  // A policy without a name cannot exist, and its path is that of the list of all policies.
  const object = name === '' ? undefined : await reaching(`policy ${quote(name)}`, () => api.find(path));
  if (!isObject(object)) {
    throw new Fault('UsageInvalid', `there is no policy ${quote(name)}. Next: kubectl get ${API.policyPlural}`);
  }
  const result = readPolicy(object);
  if (result.ok) return result.read;
  throw new Fault('PolicyInvalid', `policy ${quote(name)}: ${result.problems.map(formatProblem).join('; ')}`);
}

/** @throws Fault `ClusterFailed`, naming what was asked for */
export async function reaching<Value>(what: string, request: () => Promise<Value>): Promise<Value> {
  try {
    return await request();
  } catch (thrown) {
    const { text, status } = apiFailure(thrown);
    const next =
      status === 401 || status === 403
        ? 'ask a cluster admin for the right, or to run this'
        : 'check that the API server can be reached, then run this again';
    throw new Fault('ClusterFailed', `${what}: ${text}. Next: ${next}`);
  }
}
