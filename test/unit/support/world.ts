import { decide } from '../../../src/admission/decide.ts';
import type { Governance } from '../../../src/admission/governance.ts';
import { guard } from '../../../src/admission/guard.ts';
import type { Outcome } from '../../../src/admission/outcome.ts';
import type { Review } from '../../../src/admission/review.ts';
import type { Circumstances } from '../../../src/admission/scene.ts';
import type { JsonObject } from '../../../src/json.ts';
import { findKind, groupOf, WORKLOAD_KINDS } from '../../../src/lineage/kinds.ts';
import type { Requester } from '../../../src/operator/requester.ts';
import type { StampClaims } from '../../../src/stamp/claims.ts';
import { verifyStamp } from '../../../src/stamp/jws.ts';
import { loadKeys, newKey, type StampKeys } from '../../../src/stamp/keys.ts';
import { ALICE, governed, IMAGE, patchedBy } from './reviews.ts';

export const NAMESPACE = 'agents';
export const SINCE = '2026-11-22T10:00:00.000Z';

/** A controller of kube-controller-manager, with a token of its own. */
export function controller(name: string): Requester {
  return account('kube-system', name);
}

export function account(namespace: string, name: string): Requester {
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': ['JTI=1'] },
  };
}

/** A session's own identity, as its agent shows when it acts through the API server. */
export const SESSION: Requester = {
  ...ALICE,
  groups: ['system:authenticated', 'countersign.dev:session:1'],
};

export function freshKeys(): StampKeys {
  const key = newKey();
  return loadKeys({ signing: key.kid, keys: [key] });
}

/**
 * Objects as an API server would store them after Countersign's answer, without an API server: enough for decisions,
 * which see nothing but reviews and live reads.
 */
export class World {
  readonly objects = new Map<string, JsonObject>();
  readonly reads: string[] = [];
  keys = freshKeys();
  since: string = SINCE;
  cluster = 'cluster-1';
  spec: object;
  namespace = NAMESPACE;
  /** Who may restamp. */
  readonly restampers = new Set<string>();
  unreadable: string | undefined;
  #uids = 0;

  constructor(spec: object = {}) {
    this.spec = spec;
  }

  get governance(): Governance {
    return governed(this.spec, { since: this.since });
  }

  get circumstances(): Circumstances {
    return {
      sessionImage: IMAGE,
      stamping: {
        cluster: this.cluster,
        keys: this.keys,
        owners: {
          read: async ({ kind, name }) => {
            this.reads.push(`${kind.resource}/${name}`);
            if (this.unreadable !== undefined) return { kind: 'failed', problem: this.unreadable };
            const object = this.objects.get(`${kind.resource}/${name}`);
            return object === undefined ? { kind: 'missing' } : { kind: 'found', object };
          },
          mayUse: async (_verb, { username }) => this.restampers.has(username),
        },
        deadline: Number.POSITIVE_INFINITY,
        now: 1_000,
      },
    };
  }

  review(operation: 'CREATE' | 'UPDATE', object: JsonObject, requester: Requester): Review {
    const resource = resourceOf(object);
    const oldObject = operation === 'UPDATE' ? this.objects.get(keyOf(object)) : undefined;
    return {
      uid: '1',
      operation,
      resource: { group: groupOf(text(object['apiVersion'])), version: 'v1', resource },
      subResource: '',
      namespace: this.namespace,
      name: nameOf(object),
      requester,
      object,
      oldObject,
      dryRun: false,
    };
  }

  async decide(review: Review): Promise<Outcome> {
    return await decide(review, this.governance, this.circumstances);
  }

  async guard(review: Review): Promise<Outcome> {
    return await guard(review, this.governance, this.circumstances);
  }

  /** Writes as a user would: decided, patched, guarded, stored. Fails when it is refused. */
  async write(object: JsonObject, requester: Requester = ALICE): Promise<JsonObject> {
    const operation = nameOf(object) !== '' && this.objects.has(keyOf(object)) ? 'UPDATE' : 'CREATE';
    const review = this.review(operation, object, requester);
    const outcome = await this.decide(review);
    if (outcome.kind === 'refused') throw new Error(outcome.denial.message);
    const operations = 'operations' in outcome ? outcome.operations : [];
    const final = patchedBy(object, operations);
    const guarded = await this.guard({ ...review, object: final });
    if (guarded.kind === 'refused') throw new Error(guarded.denial.message);
    return this.store(final);
  }

  /** The code of the denial; fails when it is admitted. */
  async refusal(object: JsonObject, requester: Requester = ALICE): Promise<string> {
    const operation = nameOf(object) !== '' && this.objects.has(keyOf(object)) ? 'UPDATE' : 'CREATE';
    const outcome = await this.decide(this.review(operation, object, requester));
    if (outcome.kind !== 'refused') throw new Error(`admitted: ${JSON.stringify(outcome)}`);
    return outcome.denial.code;
  }

  /** Puts an object there past every webhook. */
  store(object: JsonObject): JsonObject {
    this.#uids += 1;
    const metadata = object['metadata'] as JsonObject;
    const stored = { ...object, metadata: { uid: `uid-${this.#uids}`, ...metadata } };
    this.objects.set(keyOf(object), stored);
    return stored;
  }

  /** What stands on an object, as far as it verifies. */
  claims(object: JsonObject, key: 'stamp' | 'custody'): StampClaims | undefined {
    const token = annotation(object, key);
    const verified = token === undefined ? undefined : verifyStamp(token, this.keys.verifying);
    return verified?.kind === 'valid' ? verified.claims : undefined;
  }
}

export function annotation(object: JsonObject, key: string): string | undefined {
  const annotations = (object['metadata'] as JsonObject)['annotations'] as JsonObject | undefined;
  return annotations?.[`countersign.dev/${key}`] as string | undefined;
}

/** The same object with other metadata beside what it has. */
export function withMetadata(object: JsonObject, more: JsonObject): JsonObject {
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), ...more } };
}

/** The reference that a controller puts on what it makes. */
export function madeFor(owner: JsonObject): JsonObject {
  const { name, uid } = owner['metadata'] as JsonObject;
  return {
    ownerReferences: [{ apiVersion: owner['apiVersion'], kind: owner['kind'], name, uid, controller: true }],
  };
}

function keyOf(object: JsonObject): string {
  return `${resourceOf(object)}/${nameOf(object)}`;
}

function resourceOf(object: JsonObject): string {
  const kind = { group: groupOf(text(object['apiVersion'])), kind: text(object['kind']) };
  return findKind(WORKLOAD_KINDS, kind)?.resource ?? 'pods';
}

function nameOf(object: JsonObject): string {
  const { name } = object['metadata'] as JsonObject;
  return typeof name === 'string' ? name : '';
}

function text(value: JsonObject[string]): string {
  return typeof value === 'string' ? value : '';
}
