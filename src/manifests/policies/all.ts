import type { WorkloadKind } from '../../lineage/kinds.ts';
import type { Value } from '../yaml.ts';
import { lineagePolicies } from './lineage.ts';
import { NAMESPACE_POLICIES } from './namespaces.ts';
import { POD_POLICIES } from './pods.ts';
import { type AdmissionPolicy, policyValues } from './policy.ts';
import { SESSION_OBJECT_POLICIES } from './session-objects.ts';
import { TOKEN_POLICIES } from './tokens.ts';

/** Every admission policy. */
export function admissionPolicies(
  kinds: readonly WorkloadKind[],
  carriers: readonly string[],
): readonly AdmissionPolicy[] {
  return [
    ...lineagePolicies(kinds, carriers),
    ...TOKEN_POLICIES,
    ...POD_POLICIES,
    ...SESSION_OBJECT_POLICIES,
    ...NAMESPACE_POLICIES,
  ];
}

/** The policies and their bindings. */
export function admissionPolicyValues(kinds: readonly WorkloadKind[], carriers: readonly string[]): readonly Value[] {
  return admissionPolicies(kinds, carriers).flatMap(policyValues);
}
