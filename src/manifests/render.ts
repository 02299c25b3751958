import type { WorkloadKind } from '../lineage/kinds.ts';
import { webhookRole } from './role.ts';
import { mutatingConfiguration, validatingConfiguration } from './webhooks.ts';
import { printDocuments, type Value } from './yaml.ts';

/** What manifests depend on. */
export interface Surroundings {
  readonly kinds: readonly WorkloadKind[];
}

/** The parts, each a file of `manifests/base/`. */
export const PARTS = {
  admission: ({ kinds }) => [mutatingConfiguration(kinds), validatingConfiguration()],
  'webhook-role': ({ kinds }) => [webhookRole(kinds)],
} as const satisfies Readonly<Record<string, (surroundings: Surroundings) => readonly Value[]>>;

export type Part = keyof typeof PARTS;

/** The manifests that follow from the table of kinds, as YAML. */
export function renderManifests(parts: readonly Part[], surroundings: Surroundings): string {
  return printDocuments(parts.flatMap((part) => PARTS[part](surroundings)));
}
