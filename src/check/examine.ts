import jsonPatch from 'fast-json-patch';
import { decide } from '../admission/decide.ts';
import type { Stamping } from '../admission/scene.ts';
import { applyMode } from '../admission/verdict.ts';
import { Fault, reasonOf } from '../errors.ts';
import type { Json, JsonObject, Operation } from '../json.ts';
import type { Policy } from '../policy/compile.ts';
import { loadKeys, newKey } from '../stamp/keys.ts';
import type { Subject } from './subjects.ts';

/** What `countersign check -o json` prints for each object. */
export interface Finding {
  readonly file: string;
  readonly document: number;
  readonly kind: string;
  readonly name: string;
  readonly allowed: boolean;
  readonly code: string;
  readonly message: string | null;
  readonly operator: string | null;
  readonly rule: string | null;
  readonly warnings: readonly string[];
  readonly operations: readonly Operation[];
}

/**
 * Decides on an object as the webhook would in a namespace in `enforce`, by the same code.
 *
 * @throws Fault `FileInvalid` naming file, document and path of a pod that is not shaped like one
 */
export async function examine({ review, ...place }: Subject, policy: Policy, sessionImage: string): Promise<Finding> {
  const nothing = { message: null, operator: null, rule: null, warnings: [], operations: [] };
  if (review === undefined) return { ...place, allowed: true, code: 'NotReviewed', ...nothing };
  try {
    const governance = { kind: 'governed', mode: 'enforce', policy, podSecurity: undefined, since: 'now' } as const;
    // A workload is stamped by keys of this run; its stamp counts nowhere, and is not shown.
    const workload = review.resource.resource !== 'pods';
    const stamping = workload ? withoutCluster() : undefined;
    const { allowed, code, message, warnings, operations, auditAnnotations } = applyMode(
      await decide(review, governance, { sessionImage, apiServer: SOME_API_SERVER, stamping }),
      'enforce',
    );
    return {
      ...place,
      allowed,
      code,
      message: message ?? null,
      operator: auditAnnotations['operator'] ?? null,
      rule: auditAnnotations['rule'] ?? null,
      warnings,
      operations: workload ? [] : operations,
    };
  } catch (thrown) {
    throw new Fault('FileInvalid', `${place.file}, document ${place.document}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** Stands for the cluster's, whose address and certificate only a webhook in it knows. */
export const SOME_API_SERVER = {
  server: 'https://kubernetes.default.svc',
  ca: '(certificate of the cluster)',
} as const;

function withoutCluster(): Stamping {
  const key = newKey();
  const problem = 'there is no cluster to ask';
  return {
    cluster: 'check',
    keys: loadKeys({ signing: key.kid, keys: [key] }),
    owners: { read: async () => ({ kind: 'failed', problem }), mayUse: async () => undefined },
    deadline: Number.POSITIVE_INFINITY,
    now: 0,
  };
}

/** The object after the operations; the one before is left as it is. */
export function patched(object: JsonObject, operations: readonly Operation[]): JsonObject {
  const result = jsonPatch.applyPatch(structuredClone(object) as Json, operations as never, true, true);
  return result.newDocument as JsonObject;
}
