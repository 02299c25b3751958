import { OBJECT, type WEBHOOKS } from '../names.ts';
import { type MatchCondition, NOT_A_MIRROR_POD } from './conditions.ts';
import { type Rule, ruleValues } from './rules.ts';
import { namespaceSelector, type Scope } from './scope.ts';
import { note, type Value } from './yaml.ts';

/** What is particular about a webhook; the rest follows from what happens when it is away. */
export interface Webhook {
  readonly name: keyof typeof WEBHOOKS;
  readonly comment?: string;
  /** Whether its fields have comments: where a file shows them for the first time. */
  readonly explained?: boolean;
  /** What becomes of a request when Countersign is away. */
  readonly away: 'refuse' | 'pass';
  readonly scope: Scope | 'everywhere';
  readonly mutating?: boolean;
  readonly rules: readonly Rule[];
  readonly conditions: readonly MatchCondition[];
}

type Title = Pick<Webhook, 'name' | 'comment' | 'explained'>;

/** A webhook for namespaces in `enforce`, and the same for those in which nothing is refused. */
export function pair(
  enforced: Title,
  unenforced: Title,
  common: Pick<Webhook, 'mutating' | 'rules' | 'conditions'>,
): readonly Webhook[] {
  return [
    { ...common, ...enforced, away: 'refuse', scope: 'enforce' },
    { ...common, ...unenforced, away: 'pass', scope: 'unenforced' },
  ];
}

const CLIENT = { service: { name: OBJECT.webhook, namespace: OBJECT.namespace, port: 443 } };

/** The webhook as a configuration lists it. */
export function webhookValue(webhook: Webhook): Value {
  const { name, comment, explained = false, away, scope, mutating = false, rules, conditions } = webhook;
  const why = (text: string, value: Value): Value => (explained ? note(text, value) : value);
  const value: Value = {
    name,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    ...(away === 'refuse'
      ? {
          failurePolicy: why(
            'Away or broken means refused: an agent that starts without an operator is what all this is there to prevent.',
            'Fail',
          ),
          timeoutSeconds: 10,
        }
      : {
          failurePolicy: 'Ignore',
          timeoutSeconds: why(
            'Short, since a pod that is not held back by a refusal should not be held back by a silence either.',
            3,
          ),
        }),
    matchPolicy:
      scope === 'enforce'
        ? why(
            'Also objects that reach the API server by a version of the API which these rules do not name.',
            'Equivalent',
          )
        : 'Equivalent',
    reinvocationPolicy: mutating ? reinvocation(scope, why) : undefined,
    rules: ruleValues(rules),
    namespaceSelector: scope === 'everywhere' ? undefined : selector(scope, explained),
    matchConditions:
      conditions.length === 0 ? undefined : conditionValues(conditions, scope === 'enforce' && explained),
    clientConfig: CLIENT,
  };
  return comment === undefined ? value : note(comment, value);
}

function reinvocation(scope: Webhook['scope'], why: (text: string, value: Value) => Value): Value {
  const text =
    'Another webhook that changes the pod afterwards, such as one that adds AWS credentials, has it reviewed again.';
  return scope === 'enforce' ? why(text, 'IfNeeded') : 'IfNeeded';
}

function selector(scope: Scope, explained: boolean): Value {
  const text =
    'Labels on the namespace, which authors of pods cannot change; labels on pods (objectSelector) they could.';
  return explained && scope === 'enforce' ? note(text, namespaceSelector(scope, true)) : namespaceSelector(scope);
}

function conditionValues(conditions: readonly MatchCondition[], explained: boolean): Value {
  const text = `A mirror pod only shows what a node already runs from its own disk; refusing it hides it and stops nothing.
    The group matters: the API server holds to their own pods (NodeRestriction) those alone who have name and group.`;
  return conditions.map((condition) =>
    explained && condition === NOT_A_MIRROR_POD ? note(text, { ...condition }) : { ...condition },
  );
}
