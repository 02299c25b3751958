import type { WorkloadKind } from '../../lineage/kinds.ts';
import { ADMISSION_POLICY, ANNOTATION } from '../../names.ts';
import { any, list, literal } from '../cel.ts';
import { KEY_PREFIX } from '../conditions.ts';
import { GARBAGE_COLLECTOR, isOneOf } from '../people.ts';
import { type Rule, rulesFor } from '../rules.ts';
import type { AdmissionPolicy } from './policy.ts';

/** What says who stands behind an object: our annotations, and its owner references. */

const PODS: Rule = {
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['UPDATE'],
  resources: ['pods', 'pods/*'],
  scope: 'Namespaced',
};

const BINDINGS: Rule = { ...PODS, operations: ['CREATE'], resources: ['pods/binding', 'bindings'] };

/** Annotations before and after; a key that is not there is as different from an empty one as from any other. */
const ANNOTATIONS = {
  was: 'oldObject.?metadata.?annotations.orValue({})',
  now: 'object.?metadata.?annotations.orValue({})',
};

/**
 * API servers take `deployments/*` to mean Deployments themselves too (apiserver `rules.Matcher`: an empty subresource
 * fits a star). Those the webhook has seen, and it changes our annotations there.
 */
const NOT_OF_THE_WEBHOOK = {
  name: 'a-subresource-or-a-pod',
  expression: "request.?subResource.orValue('') != '' || request.resource.resource == 'pods'",
};

export function lineagePolicies(
  kinds: readonly WorkloadKind[],
  carriers: readonly string[],
): readonly AdmissionPolicy[] {
  return [
    {
      name: ADMISSION_POLICY.annotations,
      comment: `Metadata can be changed by way of subresources, such as a Deployment's status, which no webhook of
        Countersign sees, and a pod's at any time: else whoever may write there could plant a stamp.`,
      rules: [PODS, ...rulesFor(kinds, ['UPDATE'], (resource) => [`${resource}/*`])],
      conditions: [NOT_OF_THE_WEBHOOK],
      variables: ANNOTATIONS,
      validations: [
        {
          expression: `[variables.was, variables.now].all(keys, keys.all(key,
  !key.startsWith(${literal(KEY_PREFIX)}) || variables.was[?key] == variables.now[?key]))`,
          refusal: 'KeyChanged',
        },
      ],
      where: 'governed namespaces',
    },
    {
      name: ADMISSION_POLICY.bindings,
      comment: 'A binding hands its annotations on to the pod.',
      rules: [BINDINGS],
      validations: [
        {
          expression: `!object.?metadata.?annotations.orValue({}).exists(key, key.startsWith(${literal(KEY_PREFIX)}))`,
          refusal: 'KeyChanged',
        },
      ],
      where: 'governed namespaces',
    },
    {
      name: ADMISSION_POLICY.owners,
      comment: `Who an object belongs to decides whose name its pods get. Controllers adopt, release and orphan; nobody else
        moves what has a stamp or custody under another owner.`,
      rules: [PODS, ...rulesFor(kinds, ['UPDATE'], (resource) => [resource, `${resource}/*`])],
      variables: ANNOTATIONS,
      validations: [
        {
          expression: any([
            `!${list([ANNOTATION.stamp, ANNOTATION.custody])}.exists(key, key in variables.was)`,
            'oldObject.?metadata.?ownerReferences.orValue([]) == object.?metadata.?ownerReferences.orValue([])',
            isOneOf([...carriers, GARBAGE_COLLECTOR]),
          ]),
          refusal: 'OwnerChanged',
        },
      ],
      where: 'governed namespaces',
    },
  ];
}
