import { parseAllDocuments } from 'yaml';
import { BUILT_IN_CARRIERS, WORKLOAD_KINDS } from '../../../../src/lineage/kinds.ts';
import { renderManifests } from '../../../../src/manifests/render.ts';
import type { RenderedConfiguration } from './recorder.ts';

/** The webhook configurations; a unit test says that `manifests/` holds the same. */
export function renderedConfigurations(): readonly RenderedConfiguration[] {
  const text = renderManifests(['admission'], { kinds: WORKLOAD_KINDS, carriers: BUILT_IN_CARRIERS });
  return parseAllDocuments(text).map((document) => document.toJS() as RenderedConfiguration);
}
