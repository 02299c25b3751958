import { quote } from '../denials.ts';
import { isObject, type JsonObject } from '../json.ts';
import { contentOf } from '../lineage/content.ts';
import { findKind, type GroupKind, groupOf, isSameKind, type WorkloadKind } from '../lineage/kinds.ts';
import { annotationOf, controllerOf, generateNameOf, nameOf, titleOf } from '../lineage/metadata.ts';
import { ANNOTATION } from '../names.ts';
import type { StampClaims } from '../stamp/claims.ts';
import { digestOf } from '../stamp/digest.ts';
import { verifyStamp } from '../stamp/jws.ts';
import type { VerifyingKeys } from '../stamp/keys.ts';

/** What `countersign stamp verify` says of an object. */
export interface Judgement {
  readonly title: string;
  readonly ok: boolean;
  /** One a statement, or one that says why there is none. */
  readonly lines: readonly string[];
}

/** A signed statement on an object. */
export interface Statement {
  /** As which it stands there. */
  readonly as: 'stamp' | 'custody';
  readonly token: string;
}

/** The statements that an object carries. */
export function statementsOn(object: JsonObject): readonly Statement[] {
  return (['stamp', 'custody'] as const).flatMap((as) => {
    const token = annotationOf(object, ANNOTATION[as]);
    return token === undefined ? [] : [{ as, token }];
  });
}

/**
 * Judges an object by what it carries and by public keys alone, without a cluster: whether the statements are signed,
 * are about this object, and cover what it runs. Whether they count besides (the namespace's governance since, the
 * cluster, people who left) only the webhook knows.
 */
export function judge(object: JsonObject, kinds: readonly WorkloadKind[], keys: VerifyingKeys): Judgement {
  const subject = subjectOf(object, kinds);
  const statements = statementsOn(object);
  const title = objectTitle(object);
  if (statements.length === 0) {
    const stamped = subject.workload !== undefined || isPod(subject);
    return { title, ok: !stamped, lines: [stamped ? 'FAILED: it carries no stamp' : 'not of a kind that is stamped'] };
  }
  const findings = statements.map((statement) => ({ ...statement, ...judgeOne(statement, subject, object, keys) }));
  return {
    title,
    ok: findings.every(({ ok }) => ok),
    lines: findings.map(({ as, ok, says }) => `${as}: ${ok ? '' : 'FAILED: '}${says}`),
  };
}

/** `Deployment "web" in namespace "agents"`. */
export function objectTitle(object: JsonObject): string {
  const { kind, name, namespace } = identityOf(object);
  return `${titleOf({ kind }, name)}${namespace === '' ? '' : ` in namespace ${quote(namespace)}`}`;
}

interface Subject extends GroupKind {
  readonly name: string;
  readonly generateName: string;
  readonly namespace: string;
  readonly workload: WorkloadKind | undefined;
}

function subjectOf(object: JsonObject, kinds: readonly WorkloadKind[]): Subject {
  const identity = identityOf(object);
  return { ...identity, workload: findKind(kinds, identity) };
}

function identityOf(object: JsonObject) {
  const { apiVersion, kind, metadata } = object;
  const namespace = isObject(metadata) ? metadata['namespace'] : undefined;
  return {
    group: groupOf(typeof apiVersion === 'string' ? apiVersion : ''),
    kind: typeof kind === 'string' ? kind : '',
    name: nameOf(object),
    generateName: generateNameOf(object),
    namespace: typeof namespace === 'string' ? namespace : '',
  };
}

function isPod(kind: GroupKind): boolean {
  return isSameKind(kind, { group: '', kind: 'Pod' });
}

interface Finding {
  readonly ok: boolean;
  readonly says: string;
}

function judgeOne({ as, token }: Statement, subject: Subject, object: JsonObject, keys: VerifyingKeys): Finding {
  const verified = verifyStamp(token, keys);
  if (verified.kind === 'invalid') return failed(FLAWS[verified.flaw]);
  const { claims } = verified;
  const expected = as === 'stamp' && isPod(subject) ? 'pod' : as;
  // A statement of one type in the place of another is one that somebody moved.
  if (claims.typ !== expected) return failed(`it is a statement of type ${claims.typ}, which does not belong here`);
  if (claims.ns !== subject.namespace) return failed(`it is from namespace ${quote(claims.ns)}`);
  const holder = holderTitle(claims.holder);
  if (!isAbout(claims.holder, subject, subject)) {
    const owner = controllerOf(object);
    // Controllers copy annotations down: of a Deployment onto its ReplicaSets, of a StatefulSet onto its revisions.
    if (
      as === 'stamp' &&
      owner !== undefined &&
      isAbout(claims.holder, owner, { name: owner.name, generateName: '' })
    ) {
      return fine(`a copy of the stamp of ${holder}, which made this; valid there, and says nothing of its own here`);
    }
    return failed(`it is about ${holder}, not about this object`);
  }
  const who = `operator ${quote(claims.op)}`;
  if (isPod(subject)) {
    return fine(
      `${who}; signature and holder are right. What was planned into the pod is not compared: ` +
        'that takes the policy of that time',
    );
  }
  const { workload } = subject;
  if (workload === undefined) {
    return fine(
      `${who}; signature and holder are right. What it covers of this kind is not known here (--policy FILE)`,
    );
  }
  const digest = digestOf(contentOf(object, workload).covered);
  if (digest === undefined) return failed('what it runs holds a number beyond 2^53, or text that is no Unicode');
  if (digest !== claims.dig)
    return failed(`it covers something else than what is here (operator then ${quote(claims.op)})`);
  return fine(`${who}; signature, holder and what it covers are right`);
}

const FLAWS = {
  malformed: 'it is not of the form that Countersign makes',
  'unknown-key': 'its key is not among the public keys: retired, lost, or of another cluster',
  'bad-signature': 'its signature is wrong',
} as const;

/** Whether a statement names an object; one that was created by `generateName` is known by that. */
function isAbout(
  holder: StampClaims['holder'],
  kind: GroupKind,
  { name, generateName }: { readonly name: string; readonly generateName: string },
): boolean {
  if (!isSameKind(holder, kind)) return false;
  if (holder.name !== undefined) return holder.name === name;
  const prefix = holder.generateName ?? '';
  // Of an owner only the name is known, and that begins with it.
  return prefix !== '' && (generateName === '' ? name.startsWith(prefix) : generateName === prefix);
}

export function holderTitle({ name, generateName, ...kind }: StampClaims['holder']): string {
  return titleOf(kind, name ?? `${generateName ?? ''}*`);
}

function fine(says: string): Finding {
  return { ok: true, says };
}

function failed(says: string): Finding {
  return { ok: false, says };
}
