import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { BUILT_IN_CARRIERS, WORKLOAD_KINDS, type WorkloadKind } from '../../../src/lineage/kinds.ts';
import { type Part, PARTS, renderManifests } from '../../../src/manifests/render.ts';

const parts = Object.keys(PARTS) as Part[];
const surroundings = { kinds: WORKLOAD_KINDS, carriers: BUILT_IN_CARRIERS };

describe('manifests/', () => {
  it.each(parts)('holds what the table of workload kinds makes: %s', (part) => {
    const file = new URL(`../../../manifests/base/${part}.yaml`, import.meta.url);
    // Else: npm run -s countersign -- manifests PART > manifests/base/PART.yaml
    expect(readFileSync(file, 'utf8')).toBe(renderManifests([part], surroundings));
  });

  it('is named in the kustomization, each of the parts', () => {
    const text = readFileSync(new URL('../../../manifests/base/kustomization.yaml', import.meta.url), 'utf8');
    for (const part of parts) expect(text).toContain(`  - ${part}.yaml\n`);
  });
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
}

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly webhooks?: readonly {
    readonly name: string;
    readonly rules: readonly Rule[];
    readonly matchConditions?: readonly { readonly expression: string }[];
  }[];
  readonly rules?: readonly Rule[];
}

function render(kinds: readonly WorkloadKind[]): readonly Rendered[] {
  const text = renderManifests(parts, { ...surroundings, kinds });
  return parseAllDocuments(text).map((document) => document.toJS() as Rendered);
}

describe('a kind that a policy adds', () => {
  const WORKFLOW: WorkloadKind = {
    group: 'argoproj.io',
    versions: ['v1alpha1'],
    kind: 'Workflow',
    resource: 'workflows',
    covers: { by: 'spec' },
    children: [],
  };
  const objects = render([...WORKLOAD_KINDS, WORKFLOW]);
  const webhooks = objects.flatMap((object) => object.webhooks ?? []);
  const covers = (rules: readonly Rule[] = []) =>
    rules.some(({ apiGroups, resources }) => apiGroups.includes('argoproj.io') && resources.includes('workflows'));

  it('is stamped', () => {
    const names = webhooks.filter(({ rules }) => covers(rules)).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['workloads.countersign.dev', 'unenforced.workloads.countersign.dev']),
    );
  });

  it('may be read', () => {
    const role = objects.find(({ kind }) => kind === 'ClusterRole');
    expect(covers(role?.rules)).toBe(true);
  });

  it('is compared where its stamp covers it, and other kinds are not', () => {
    const [expression = ''] = webhooks
      .filter(({ name }) => name === 'workloads.countersign.dev')
      .flatMap(({ matchConditions = [] }) => matchConditions.map((condition) => condition.expression));
    expect(expression.replaceAll(/\s+/g, ' ')).toContain(
      "(request.resource.group == 'argoproj.io' && request.resource.resource == 'workflows' && object.?spec != oldObject.?spec)",
    );
  });

  it('cannot write CEL of its own by a path', () => {
    const path = ['spec', "x'] == 1 || true || o['"];
    const expression = render([{ ...WORKFLOW, covers: { by: 'template', path } }])
      .flatMap((object) => object.webhooks ?? [])
      .flatMap(({ matchConditions = [] }) => matchConditions.map((condition) => condition.expression))
      .find((each) => each.includes('|| true'));
    expect(expression).toContain("object.?spec[?'x\\'] == 1 || true || o[\\''] != oldObject");
  });
});
