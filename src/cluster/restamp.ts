import { quote } from '../denials.ts';
import { Fault } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { WorkloadKind } from '../lineage/kinds.ts';
import { annotationOf, controllerOf, nameOf, titleOf } from '../lineage/metadata.ts';
import { ANNOTATION } from '../names.ts';
import { stampSchema } from '../stamp/claims.ts';
import { readUnverified } from '../stamp/jws.ts';
import { withoutPathSecrets } from './bootstrap/path-secret.ts';
import { apiFailure } from './client.ts';
import { reaching } from './governing.ts';
import { type ObjectApi, objectPath, type Resource } from './objects.ts';

/** In whose name, and why: what the annotation says, and then the stamp. */
export interface Wish {
  readonly operator: string;
  readonly reason: string;
}

/** An object that is to get a new stamp. */
export interface Target {
  readonly kind: Resource;
  readonly version: string;
  readonly name: string;
}

/** Finds a kind as people write it: `Deployment`, `deployments`, `deployments.apps`. @throws Fault `UsageInvalid` */
export function kindCalled(kinds: readonly WorkloadKind[], wanted: string): WorkloadKind {
  const asked = wanted.toLowerCase();
  const fitting = kinds.filter(({ group, kind, resource }) =>
    [kind, resource].some((name) => asked === name.toLowerCase() || asked === `${name}.${group}`.toLowerCase()),
  );
  const [found, another] = fitting;
  if (found !== undefined && another === undefined) return found;
  const choice = (found === undefined ? kinds : fitting).map(({ group, resource }) =>
    group === '' ? resource : `${resource}.${group}`,
  );
  throw new Fault(
    'UsageInvalid',
    `${quote(wanted)} is no one kind that is stamped. Next: say one of ${choice.join(', ')}`,
  );
}

/** @throws Fault `UsageInvalid` when the cluster does not serve the kind */
export async function targetOf(api: ObjectApi, kind: WorkloadKind, name: string): Promise<Target> {
  const version = await reaching(kind.resource, () => api.servedVersion(kind));
  if (version !== undefined) return { kind, version, name };
  throw new Fault('UsageInvalid', `this cluster does not serve ${kind.resource} of group ${quote(kind.group)}`);
}

/**
 * Every object of a namespace that a human submitted: those that nobody else made. What a controller makes of them
 * follows them, or is named by itself. Kinds that the cluster does not serve are passed over.
 */
export async function targetsIn(api: ObjectApi, kinds: readonly WorkloadKind[], namespace: string): Promise<Target[]> {
  const targets: Target[] = [];
  for (const kind of kinds) {
    const objects = await reaching(`${kind.resource} in namespace ${quote(namespace)}`, async () => {
      const version = await api.servedVersion(kind);
      return version === undefined
        ? []
        : (await api.list(kind, version, namespace)).map((object) => ({ version, object }));
    });
    const own = objects.filter(({ object }) => controllerOf(object) === undefined);
    targets.push(...own.map(({ version, object }) => ({ kind, version, name: nameOf(object) })));
  }
  return targets;
}

export interface Restamped {
  readonly ok: boolean;
  /** For people: which object, and in whose name it is now, or why not. */
  readonly line: string;
}

/**
 * Asks for a new stamp through the webhook, which checks the right, signs, and takes the annotation out. That nothing
 * but the annotation is sent means that what runs stays as it is.
 */
export async function restamp(api: ObjectApi, target: Target, namespace: string, wish: Wish): Promise<Restamped> {
  const { kind, version, name } = target;
  const title = titleOf(kind, name);
  const path = objectPath(kind, version, namespace, name);
  const annotate = (value: string | null) =>
    api.mergePatch(`${path}?fieldManager=countersign-restamp`, {
      metadata: { annotations: { [ANNOTATION.restamp]: value } },
    });
  try {
    const { operator, reason } = wish;
    const after = await annotate(JSON.stringify({ operator, reason }));
    if (isStamped(after, wish)) return { ok: true, line: `${title}: operator ${quote(operator)}` };
    // Nobody took it up: left there it would be a wish that comes true one day.
    if (annotationOf(after, ANNOTATION.restamp) !== undefined) await annotate(null);
    return failed(title, 'Countersign was not asked, or left the stamp as it is. Next: look at its log');
  } catch (thrown) {
    return failed(title, readable(apiFailure(thrown).text));
  }
}

/** Whether an object carries the stamp that was wished for. The API server answered it, so it need not be verified. */
function isStamped(object: JsonObject, { operator, reason }: Wish): boolean {
  const claims = stampSchema.safeParse(readUnverified(annotationOf(object, ANNOTATION.stamp) ?? '').claims);
  if (!claims.success) return false;
  return claims.data.how === 'restamped' && claims.data.op === operator && claims.data.reason === reason;
}

function failed(title: string, problem: string): Restamped {
  return { ok: false, line: `${title}: FAILED: ${problem}` };
}

/** An answer for a terminal: API servers quote URLs with the path secret, and what others wrote. */
function readable(text: string): string {
  return withoutPathSecrets(text).replace(/[^\x20-\x7e\u2018-\u201d…]/gu, '?');
}
