import { parseAllDocuments } from 'yaml';
import { WORKLOAD_KINDS } from '../../../../src/lineage/kinds.ts';
import { type Part, renderManifests } from '../../../../src/manifests/render.ts';
import type { RenderedWebhook } from './recorder.ts';

/** An object of the rendered manifests, as far as it is looked at in tests. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly webhooks?: readonly RenderedWebhook[];
}

/** The objects of a part; a unit test says that `manifests/` holds the same. */
export function rendered(part: Part): readonly Rendered[] {
  const text = renderManifests([part], { kinds: WORKLOAD_KINDS });
  return parseAllDocuments(text).map((document) => document.toJS() as Rendered);
}
