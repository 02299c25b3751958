import type { Carrier, WorkloadKind } from '../lineage/kinds.ts';
import { admissionPolicyValues } from './policies/all.ts';
import { webhookRole } from './role.ts';
import { mutatingConfiguration, validatingConfiguration } from './webhooks.ts';
import { printDocuments, type Value } from './yaml.ts';

/** What manifests depend on: the kinds that are known, and who may hand stamps on. */
export interface Surroundings {
  readonly kinds: readonly WorkloadKind[];
  readonly carriers: readonly Carrier[];
}

/** The parts, each a file of `manifests/base/`. */
export const PARTS = {
  admission: ({ kinds }) => [mutatingConfiguration(kinds), validatingConfiguration(kinds)],
  'admission-policies': ({ kinds, carriers }) =>
    admissionPolicyValues(
      kinds,
      carriers.map(({ username }) => username),
    ),
  'webhook-role': ({ kinds }) => [webhookRole(kinds)],
} as const satisfies Readonly<Record<string, (surroundings: Surroundings) => readonly Value[]>>;

export type Part = keyof typeof PARTS;

/** The manifests that follow from the table of kinds, as YAML. */
export function renderManifests(parts: readonly Part[], surroundings: Surroundings): string {
  return parts
    .map((part) => `# Made by: countersign manifests ${part}\n${printDocuments(PARTS[part](surroundings))}`)
    .join('---\n');
}
