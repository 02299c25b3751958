import { createHash, type KeyObject, verify } from 'node:crypto';
import type { StampClaims } from '../../../../src/stamp/claims.ts';
import type { Kind, Stored } from './store.ts';

/*
 * How to verify what Countersign signs, written down a second time with nothing but the standards: RFC 7515 for the
 * signature, RFC 8785 for the digest. Whoever wants to verify stamps elsewhere does it like this.
 */

const DIGESTED: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
  ControllerRevision: ['data', 'spec', 'template'],
  Sandbox: ['spec', 'podTemplate'],
};

/** The claims of a stamp that one of the keys signed. @throws where none did */
export function verified(token: string | undefined, keys: ReadonlyMap<string, KeyObject>): StampClaims {
  if (token === undefined) throw new Error('there is no stamp');
  const [head = '', payload = '', signature = '', ...more] = token.split('.');
  const header = decode(head) as { alg?: unknown; kid?: unknown };
  const key = keys.get(String(header.kid));
  if (more.length > 0 || header.alg !== 'EdDSA' || key === undefined) throw new Error(`signed by nobody: ${token}`);
  if (!verify(null, Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'))) {
    throw new Error(`the signature is not by key ${String(header.kid)}: ${token}`);
  }
  return decode(payload) as StampClaims;
}

/** What the digest in an object's stamp covers: the pod specs in it, or what its controller makes a pod from. */
export function coveredBy(object: Stored): unknown {
  const { kind, spec } = object;
  if (kind === 'AgentRun') return strings(spec, 'task', 'agentId', 'instanceRef', 'sessionKey');
  if (kind === 'SandboxClaim') {
    return { 'spec.sandboxTemplateRef.name': at(spec, ['sandboxTemplateRef', 'name']) };
  }
  if (kind === 'JobSet') {
    return (spec['replicatedJobs'] as object[]).map((each) => at(each, ['template', 'spec', 'template', 'spec']));
  }
  return [at(object, [...(DIGESTED[kind] ?? ['spec', 'template']), 'spec'])];
}

export function digest(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('base64url');
}

/** RFC 8785: keys in the order of their UTF-16 units, numbers and strings as ECMAScript writes them. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`;
}

function strings(spec: Stored['spec'], ...names: string[]): object {
  return Object.fromEntries(names.flatMap((name) => (name in spec ? [[`spec.${name}`, spec[name]]] : [])));
}

function at(value: unknown, [step, ...rest]: readonly string[]): unknown {
  return step === undefined ? value : at((value as Record<string, unknown>)[step], rest);
}

function decode(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}
