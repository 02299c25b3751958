import { type Denial, deny } from '../denials.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Reference, StampClaims } from '../stamp/claims.ts';
import { missingFrom } from './containment.ts';
import { contentOf } from './content.ts';
import { findKind, type GroupKind, type WorkloadKind } from './kinds.ts';
import { ADOPTION, annotateCommand } from './kubectl.ts';
import { controllerOf, nameOf, type Owner } from './metadata.ts';
import type { Scene } from './scene.ts';
import type { Standing } from './standing.ts';

/** What a carrier makes: a pod, or a workload of a kind that is known. */
export interface Born {
  readonly object: JsonObject;
  readonly kind: GroupKind;
  /** Undefined for a pod. */
  readonly workload: WorkloadKind | undefined;
}

export type Descent =
  /** The statement that decides, and the object that the child was made for. */
  | { readonly kind: 'descends'; readonly claims: StampClaims; readonly parent: Reference }
  | { readonly kind: 'refused'; readonly denial: Denial };

/** A child, and the object that it is made for. */
export interface Family {
  readonly born: Born;
  /** How messages call the child. */
  readonly child: string;
  readonly owner: Owner;
  /** How messages call the owner. */
  readonly title: string;
  readonly kind: WorkloadKind;
  /** The owner as it is now. */
  readonly parent: JsonObject;
}

/** The denial where nobody stands behind the owner. */
export function found({ title, owner, kind, parent }: Family, standing: Standing, scene: Scene): Descent | undefined {
  if (standing.kind === 'void') return refused(standing.denial);
  if (standing.kind === 'stands') return undefined;
  // What stands above it is what a person wrote; its controller brings the stamp down.
  const above = controllerOf(parent);
  const aboveKind = above && findKind(scene.policy.kinds, above);
  const command =
    above === undefined || aboveKind === undefined
      ? annotateCommand(scene.namespace, kind, owner.name, ADOPTION)
      : annotateCommand(scene.namespace, aboveKind, above.name, ADOPTION);
  return refused(deny('OwnerNotAttributed', { owner: title, command }));
}

/** A child that is built from the owner's template has all of it, with what controllers and injectors add. */
export function contained(family: Family, standing: Standing, templates: readonly JsonObject[]): Descent {
  if (standing.kind !== 'stands') throw new Error('contained() is for what somebody stands behind');
  const { born, child, title, kind, parent } = family;
  const specs = born.workload === undefined ? [born.object['spec']] : specsIn(born.object, born.workload);
  // A kind without a template says nothing that could be compared.
  if (templates.length === 0 && kind.covers.by !== 'template') return descends(family, standing.claims);
  for (const spec of specs) {
    const paths = templates.map((template) => missing(spec, template['spec'], kind, parent));
    const [path] = paths;
    if (!paths.includes(undefined)) {
      return refused(deny('NotFromTemplate', { child, owner: title, path: path ?? 'the template' }));
    }
  }
  return descends(family, standing.claims);
}

function specsIn(object: JsonObject, kind: WorkloadKind): readonly JsonObject[string][] {
  const { templates } = contentOf(object, kind);
  return templates.map((template) => template['spec']);
}

function missing(
  spec: JsonObject[string],
  template: JsonObject[string],
  kind: WorkloadKind,
  parent: JsonObject,
): string | undefined {
  if (!isObject(spec) || !isObject(template)) return 'spec';
  return missingFrom(spec, template, {
    exemptVolumes: claimedVolumes(parent),
    owner: kind,
  });
}

/** A StatefulSet's controller puts its claims in the place of volumes with the same names. */
function claimedVolumes(owner: JsonObject): ReadonlySet<string> {
  const { spec } = owner;
  const claims = isObject(spec) ? spec['volumeClaimTemplates'] : undefined;
  return new Set(Array.isArray(claims) ? claims.filter(isObject).map(nameOf) : []);
}

export function descends({ owner }: Family, claims: StampClaims): Descent {
  const { group, kind, name, uid } = owner;
  return { kind: 'descends', claims, parent: { group, kind, name, uid } };
}

export function refused(denial: Denial): Descent {
  return { kind: 'refused', denial };
}
