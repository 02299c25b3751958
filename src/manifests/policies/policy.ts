import type { ADMISSION_POLICY } from '../../names.ts';
import type { MatchCondition } from '../conditions.ts';
import { PART_OF } from '../part-of.ts';
import { type RefusalCode, refusalOf } from '../refusals.ts';
import { type Rule, ruleValues } from '../rules.ts';
import { LENIENT_MODES, namespaceSelector } from '../scope.ts';
import { note, type Value } from '../yaml.ts';

/** A ValidatingAdmissionPolicy: the API server checks it by itself, also while Countersign is away. */
export interface AdmissionPolicy {
  readonly name: (typeof ADMISSION_POLICY)[keyof typeof ADMISSION_POLICY];
  /** Why it is there: the attack that it stops. */
  readonly comment: string;
  readonly rules: readonly Rule[];
  readonly conditions?: readonly MatchCondition[];
  /** By name, in order; later ones may use earlier ones. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Each expression is true where nothing is wrong. */
  readonly validations: readonly { readonly expression: string; readonly refusal: RefusalCode }[];
  /** Whether it follows the mode of governed namespaces, or refuses wherever it is met. */
  readonly where: 'governed namespaces' | 'everywhere';
}

const API_VERSION = 'admissionregistration.k8s.io/v1';

/** The policy and what binds it. */
export function policyValues(policy: AdmissionPolicy): readonly Value[] {
  const { name, comment, rules, conditions, variables, validations } = policy;
  return [
    note(comment, {
      apiVersion: API_VERSION,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, labels: PART_OF },
      spec: {
        // An expression that cannot be evaluated refuses.
        failurePolicy: 'Fail',
        matchConstraints: { matchPolicy: 'Equivalent', resourceRules: ruleValues(rules) },
        matchConditions: conditions?.map((condition) => ({ ...condition })),
        variables:
          variables && Object.entries(variables).map(([variable, expression]) => ({ name: variable, expression })),
        validations: validations.map(({ expression, refusal }) => ({
          expression,
          message: refusalOf(refusal),
          reason: 'Forbidden',
        })),
      },
    }),
    ...bindingValues(policy),
  ];
}

/** One for each mode: `audit` writes into the audit log what `warn` also says and `enforce` refuses. */
const ACTIONS = { enforce: ['Deny'], warn: ['Warn', 'Audit'], audit: ['Audit'] } as const;

function bindingValues({ name, where }: AdmissionPolicy): readonly Value[] {
  if (where === 'everywhere') return [binding(name, { policyName: name, validationActions: ['Deny'] })];
  return (['enforce', ...LENIENT_MODES] as const).map((mode) =>
    binding(`${mode}.${name}`, {
      policyName: name,
      validationActions: ACTIONS[mode],
      matchResources: { namespaceSelector: namespaceSelector(mode) },
    }),
  );
}

function binding(name: string, spec: Value): Value {
  const metadata = { name, labels: PART_OF };
  return { apiVersion: API_VERSION, kind: 'ValidatingAdmissionPolicyBinding', metadata, spec };
}
