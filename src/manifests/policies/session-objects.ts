import { ADMISSION_POLICY } from '../../names.ts';
import { literal } from '../cel.ts';
import { KEEPS_SESSIONS, SESSION_PREFIX } from '../people.ts';
import type { Rule } from '../rules.ts';
import type { AdmissionPolicy } from './policy.ts';

/** Of the object and not of the request, which has none where a whole collection is deleted. */
const NAME = "(request.operation == 'DELETE' ? oldObject : object).metadata.name";

function written(group: string, resources: readonly string[], scope: Rule['scope']): Rule {
  return { apiGroups: [group], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE', 'DELETE'], resources, scope };
}

const RBAC = 'rbac.authorization.k8s.io';

export const SESSION_OBJECT_POLICIES: readonly AdmissionPolicy[] = [
  {
    name: ADMISSION_POLICY.sessionObjects,
    comment: `Whoever could change them would give a session other rights, or keep it its rights when it is over; whoever
      could make them before Countersign does would own them.`,
    rules: [written('', ['serviceaccounts'], 'Namespaced'), written(RBAC, ['roles', 'rolebindings'], 'Namespaced')],
    conditions: [{ name: 'is-a-session-object', expression: `${NAME}.startsWith(${literal(SESSION_PREFIX)})` }],
    validations: [{ expression: KEEPS_SESSIONS, refusal: 'SessionObjectWritten' }],
    where: 'governed namespaces',
  },
  {
    name: ADMISSION_POLICY.clusterSessionObjects,
    comment: `The same for those that have no namespace, and so no mode either. A uid has to follow: what others call
      fab-something is theirs.`,
    rules: [written(RBAC, ['clusterroles', 'clusterrolebindings'], 'Cluster')],
    conditions: [
      {
        name: 'is-a-session-object',
        expression: `${NAME}.matches('^${SESSION_PREFIX}[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')`,
      },
    ],
    validations: [{ expression: KEEPS_SESSIONS, refusal: 'SessionObjectWritten' }],
    where: 'everywhere',
  },
];
