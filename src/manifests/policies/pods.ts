import { ADMISSION_POLICY } from '../../names.ts';
import { all, literal } from '../cel.ts';
import { SESSION_PREFIX } from '../people.ts';
import { POD_CREATION } from '../rules.ts';
import type { AdmissionPolicy } from './policy.ts';

/** The images of a list of containers, in its order: neither names nor order can change in a pod. */
function images(root: string, field: string): string {
  return `${root}.spec.?${field}.orValue([]).map(each, each.?image.orValue(''))`;
}

function sameImages(field: string): string {
  return `${images('object', field)} == ${images('oldObject', field)}`;
}

export const POD_POLICIES: readonly AdmissionPolicy[] = [
  {
    name: ADMISSION_POLICY.images,
    comment: `An update may put another image into a running pod, and kubelet restarts the container with it: other code
      under the same name, or in the place of the session container.`,
    rules: [{ ...POD_CREATION, operations: ['UPDATE'] }],
    validations: [{ expression: all(['containers', 'initContainers'].map(sameImages)), refusal: 'ImageChanged' }],
    where: 'governed namespaces',
  },
  {
    name: ADMISSION_POLICY.sessionAccounts,
    comment:
      "A pod that runs under a session's service account is handed a token of it by kubelet, and is that session.",
    rules: [POD_CREATION],
    validations: [
      {
        expression: `!object.spec.?serviceAccountName.orValue('').startsWith(${literal(SESSION_PREFIX)})`,
        refusal: 'SessionAccountNamed',
      },
    ],
    where: 'governed namespaces',
  },
];
