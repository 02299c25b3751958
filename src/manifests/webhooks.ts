import type { WorkloadKind } from '../lineage/kinds.ts';
import { API, OBJECT, type WEBHOOKS } from '../names.ts';
import { type MatchCondition, NOT_A_MIRROR_POD, ofConcern } from './conditions.ts';
import { POD_CREATION, type Rule, rulesFor, ruleValues } from './rules.ts';
import { namespaceSelector } from './scope.ts';
import { note, type Value } from './yaml.ts';

type WebhookName = keyof typeof WEBHOOKS;

/** What is particular about a webhook; the rest follows from what happens when it is away. */
interface Webhook {
  readonly name: WebhookName;
  readonly comment?: string;
  readonly mutating?: boolean;
  readonly rules: readonly Rule[];
  readonly conditions: readonly MatchCondition[];
}

const EMPTY = `Made by: countersign manifests admission. No webhook has \`caBundle\` or a path: \`countersign bootstrap\` writes
  them, and applying these again leaves them alone. Until then nothing starts in governed namespaces, and nothing else
  is touched.`;

/** Those that change objects. */
export function mutatingConfiguration(kinds: readonly WorkloadKind[]): Value {
  const pods = { rules: [POD_CREATION], conditions: [NOT_A_MIRROR_POD], mutating: true };
  const workloads = workloadReviews(kinds);
  return note(EMPTY, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: OBJECT.mutatingConfiguration, labels: PART_OF },
    webhooks: [
      enforced({ name: 'pods.countersign.dev', ...pods }, true),
      unenforced(
        {
          name: 'unenforced.pods.countersign.dev',
          comment: `The same for namespaces in \`warn\` and \`audit\`, whose pods start also when Countersign is away: these
            modes refuse nothing. A webhook of its own, because a failure policy is the same for all namespaces of a
            webhook.`,
          ...pods,
        },
        true,
      ),
      enforced({
        name: 'workloads.countersign.dev',
        comment: `What makes pods is stamped where a human submits it. Updates that are nobody's are kept away by the
          condition: nothing to decide about, and nothing that fails while Countersign is away.`,
        mutating: true,
        ...workloads,
      }),
      unenforced({ name: 'unenforced.workloads.countersign.dev', mutating: true, ...workloads }),
    ],
  });
}

/** Those that only say yes or no. */
export function validatingConfiguration(): Value {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: OBJECT.validatingConfiguration, labels: PART_OF },
    webhooks: [
      {
        ...headOf('policies.countersign.dev'),
        failurePolicy: 'Fail',
        timeoutSeconds: 10,
        matchPolicy: 'Equivalent',
        rules: ruleValues([
          {
            apiGroups: [API.group],
            apiVersions: [API.version],
            operations: ['CREATE', 'UPDATE'],
            resources: [API.policyPlural],
            scope: 'Cluster',
          },
        ]),
        clientConfig: CLIENT,
      },
    ],
  };
}

/** As kustomize adds it; here too, so that what is applied without kustomize is the same. */
export const PART_OF = { 'app.kubernetes.io/part-of': 'countersign' };

const CLIENT = { service: { name: OBJECT.webhook, namespace: OBJECT.namespace, port: 443 } };

function workloadReviews(kinds: readonly WorkloadKind[]): Pick<Webhook, 'rules' | 'conditions'> {
  return { rules: rulesFor(kinds, ['CREATE', 'UPDATE']), conditions: [ofConcern(kinds)] };
}

function headOf(name: WebhookName): { readonly [key: string]: Value } {
  return { name, admissionReviewVersions: ['v1'], sideEffects: 'None' };
}

function enforced(webhook: Webhook, explained = false): Value {
  const comment = (text: string, value: Value): Value => (explained ? note(text, value) : value);
  return commented(webhook, {
    ...headOf(webhook.name),
    failurePolicy: comment(
      'Away or broken means refused: an agent that starts without an operator is what all this is there to prevent.',
      'Fail',
    ),
    timeoutSeconds: 10,
    matchPolicy: comment(
      'Also objects that reach the API server by a version of the API which these rules do not name.',
      'Equivalent',
    ),
    reinvocationPolicy: webhook.mutating
      ? comment(
          'Another webhook that changes the pod afterwards, such as one that adds AWS credentials, has it reviewed again.',
          'IfNeeded',
        )
      : undefined,
    rules: ruleValues(webhook.rules),
    namespaceSelector: comment(
      'Labels on the namespace, which authors of pods cannot change; labels on pods (objectSelector) they could.',
      namespaceSelector('enforce', explained),
    ),
    matchConditions: conditionValues(webhook.conditions, explained),
    clientConfig: CLIENT,
  });
}

function unenforced(webhook: Webhook, explained = false): Value {
  const comment = (text: string, value: Value): Value => (explained ? note(text, value) : value);
  return commented(webhook, {
    ...headOf(webhook.name),
    failurePolicy: 'Ignore',
    timeoutSeconds: comment(
      'Short, since a pod that is not held back by a refusal should not be held back by a silence either.',
      3,
    ),
    matchPolicy: 'Equivalent',
    reinvocationPolicy: webhook.mutating ? 'IfNeeded' : undefined,
    rules: ruleValues(webhook.rules),
    namespaceSelector: namespaceSelector('unenforced'),
    matchConditions: conditionValues(webhook.conditions, false),
    clientConfig: CLIENT,
  });
}

function commented({ comment }: Webhook, value: Value): Value {
  return comment === undefined ? value : note(comment, value);
}

function conditionValues(conditions: readonly MatchCondition[], explained: boolean): Value {
  return conditions.map(({ name, expression }) =>
    explained && name === NOT_A_MIRROR_POD.name
      ? note(
          `A mirror pod only shows what a node already runs from its own disk; refusing it hides it and stops nothing.
          The group matters: the API server holds to their own pods (NodeRestriction) those alone who have name and
          group.`,
          { name, expression },
        )
      : { name, expression },
  );
}
