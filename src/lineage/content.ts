import { isObject, type Json, type JsonObject } from '../json.ts';
import type { Coverage, WorkloadKind } from './kinds.ts';

/** What of a workload its stamp is about. */
export interface Content {
  /** Pod templates as they stand in the object; none for kinds whose controllers build the pod. */
  readonly templates: readonly JsonObject[];
  /** What the digest covers. */
  readonly covered: Json;
  /** What must not differ for an update to be nobody's: the templates with their metadata and claims, or the spec. */
  readonly submitted: Json;
  /** Claims whose volumes the controller puts in the place of the template's, of the same names. */
  readonly claims: Json;
}

/** Reads what matters of an object. Missing parts are absent, never a fault: the API server judges the object. */
export function contentOf(object: JsonObject, { covers }: Pick<WorkloadKind, 'covers'>): Content {
  switch (covers.by) {
    case 'template': {
      const templates = at(object, covers.path).filter(isObject);
      const [claims = null] = at(object, ['spec', 'volumeClaimTemplates']);
      const covered = templates.map((each) => each['spec'] ?? null);
      return { templates, covered, submitted: [...templates, claims], claims };
    }
    case 'fields': {
      return { templates: [], covered: fieldsOf(object, covers), submitted: object['spec'] ?? null, claims: null };
    }
    case 'spec': {
      const covered = object['spec'] ?? null;
      return { templates: [], covered, submitted: covered, claims: null };
    }
  }
}

function fieldsOf(object: JsonObject, { paths }: Extract<Coverage, { by: 'fields' }>): Json {
  const fields: Record<string, Json> = {};
  for (const path of paths) {
    const [value] = at(object, path);
    if (typeof value === 'string') fields[path.join('.')] = value;
  }
  return fields;
}

/** All values at a path; `*` stands for each item of a list. */
function at(value: Json | undefined, [step, ...rest]: readonly string[]): readonly Json[] {
  if (value === undefined || value === null) return [];
  if (step === undefined) return [value];
  if (step === '*') return Array.isArray(value) ? value.flatMap((item: Json) => at(item, rest)) : [];
  return isObject(value) && Object.hasOwn(value, step) ? at(value[step], rest) : [];
}
