import { ADMISSION_POLICY, VERB } from '../../names.ts';
import { any } from '../cel.ts';
import { mayDo } from '../conditions.ts';
import { IS_COUNTERSIGN, IS_NODE, isOneOf, TOKEN_CLEANER } from '../people.ts';
import type { AdmissionPolicy } from './policy.ts';

/** The API server's own requests are made as a member of system:masters, who may do everything. */
export const TOKEN_POLICIES: readonly AdmissionPolicy[] = [
  {
    name: ADMISSION_POLICY.tokens,
    comment: `The built-in role \`edit\` may mint a token for any service account of its namespace, for any audience and for
      a year: for AWS too, where it would be nobody's. Nodes do it for pods.`,
    rules: [
      {
        apiGroups: [''],
        apiVersions: ['v1'],
        operations: ['CREATE'],
        resources: ['serviceaccounts/token'],
        scope: 'Namespaced',
      },
    ],
    validations: [{ expression: any([IS_NODE, IS_COUNTERSIGN, mayDo(VERB.mintTokens)]), refusal: 'TokenRequested' }],
    where: 'governed namespaces',
  },
  {
    name: ADMISSION_POLICY.tokenSecrets,
    comment: `A Secret of this type is given a token by Kubernetes itself, and RBAC cannot tell types of Secrets apart. The
      controllers of kube-controller-manager fill them and clean them up.`,
    rules: [
      {
        apiGroups: [''],
        apiVersions: ['v1'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['secrets'],
        scope: 'Namespaced',
      },
    ],
    conditions: [
      {
        name: 'holds-a-service-account-token',
        expression: "object.?type.orValue('') == 'kubernetes.io/service-account-token'",
      },
    ],
    validations: [
      { expression: any([isOneOf([TOKEN_CLEANER]), mayDo(VERB.mintTokens)]), refusal: 'TokenSecretWritten' },
    ],
    where: 'governed namespaces',
  },
];
