import { LABEL, OBJECT } from '../names.ts';
import { note, type Value } from './yaml.ts';

/** Never governed, also when somebody labels them. */
const EXEMPT = ['kube-system', OBJECT.namespace];

/** The modes in which nothing is refused. */
export const LENIENT_MODES = ['warn', 'audit'] as const;

/** Governed namespaces: all, one mode's, or those of the modes that refuse nothing. */
export type Scope = 'governed' | 'enforce' | 'unenforced' | (typeof LENIENT_MODES)[number];

/**
 * The `namespaceSelector` of a scope.
 *
 * @param explained with comments, where a file shows it for the first time
 */
export function namespaceSelector(scope: Scope, explained = false): Value {
  const comment = (text: string, value: Value): Value => (explained ? note(text, value) : value);
  const expressions: Value[] = [
    { key: LABEL.policy, operator: 'Exists' },
    comment(
      `Also when somebody labels them: a webhook that has to admit its own pods, or those that the cluster runs on,
      can lock everybody out.`,
      { key: LABEL.namespaceName, operator: 'NotIn', values: EXEMPT },
    ),
  ];
  if (scope === 'enforce') {
    expressions.push(
      comment('Whatever else the mode says, or whether it says anything, is enforced.', {
        key: LABEL.mode,
        operator: 'NotIn',
        values: [...LENIENT_MODES],
      }),
    );
  } else if (scope !== 'governed') {
    const values = scope === 'unenforced' ? [...LENIENT_MODES] : [scope];
    expressions.push({ key: LABEL.mode, operator: 'In', values });
  }
  return { matchExpressions: expressions };
}
