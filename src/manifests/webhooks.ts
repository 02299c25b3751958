import type { WorkloadKind } from '../lineage/kinds.ts';
import { API, OBJECT } from '../names.ts';
import {
  GOVERNANCE_BEGINS,
  MAY_BREAK_GLASS,
  MAY_GOVERN,
  MAY_NOT_BREAK_GLASS,
  NOT_A_MIRROR_POD,
  ofConcern,
} from './conditions.ts';
import { PART_OF } from './part-of.ts';
import { NAMESPACES, POD_CREATION, rulesFor, WAYS_INTO_PODS } from './rules.ts';
import { pair, type Webhook, webhookValue } from './webhook.ts';
import { note, type Value } from './yaml.ts';

/** Those that change objects. */
export function mutatingConfiguration(kinds: readonly WorkloadKind[]): Value {
  const webhooks: readonly Webhook[] = [
    ...pair(
      { name: 'pods.countersign.dev', explained: true },
      {
        name: 'unenforced.pods.countersign.dev',
        explained: true,
        comment: `The same for namespaces in \`warn\` and \`audit\`, whose pods start also when Countersign is away: these modes
          refuse nothing. A webhook of its own, because a failure policy is the same for all namespaces of a webhook.`,
      },
      { mutating: true, rules: [POD_CREATION], conditions: [NOT_A_MIRROR_POD] },
    ),
    ...pair(
      {
        name: 'workloads.countersign.dev',
        comment: `What makes pods is stamped where a human submits it. Updates that are nobody's are kept away by the
          condition: nothing to decide about, and nothing that fails while Countersign is away.`,
      },
      { name: 'unenforced.workloads.countersign.dev' },
      { mutating: true, rules: rulesFor(kinds, ['CREATE', 'UPDATE']), conditions: [ofConcern(kinds)] },
    ),
    {
      name: 'namespaces.countersign.dev',
      comment: `Dates the governance of a namespace, as stamps from before it do not count. To end it needs no webhook, so
        that it can be ended while Countersign is away.`,
      away: 'refuse',
      scope: 'governed',
      mutating: true,
      rules: [NAMESPACES],
      conditions: [GOVERNANCE_BEGINS, MAY_GOVERN],
    },
  ];
  return note(
    `No webhook has \`caBundle\` or a path: \`countersign bootstrap\` writes them, and applying these again leaves them
    alone. Until then nothing starts in governed namespaces, and nothing else is touched.`,
    configuration('MutatingWebhookConfiguration', OBJECT.mutatingConfiguration, webhooks),
  );
}

/** Those that only say yes or no. */
export function validatingConfiguration(kinds: readonly WorkloadKind[]): Value {
  const webhooks: readonly Webhook[] = [
    {
      name: 'policies.countersign.dev',
      away: 'refuse',
      scope: 'everywhere',
      rules: [
        {
          apiGroups: [API.group],
          apiVersions: [API.version],
          operations: ['CREATE', 'UPDATE'],
          resources: [API.policyPlural],
          scope: 'Cluster',
        },
      ],
      conditions: [],
    },
    ...pair(
      {
        name: 'guard.countersign.dev',
        comment:
          'Looks at what is final: after every other webhook, each of which may have changed what was decided about.',
      },
      { name: 'unenforced.guard.countersign.dev' },
      {
        rules: [POD_CREATION, ...rulesFor(kinds, ['CREATE', 'UPDATE'])],
        conditions: [NOT_A_MIRROR_POD, ofConcern(kinds)],
      },
    ),
    ...pair(
      {
        name: 'access.countersign.dev',
        comment: `Ways into running pods, where whoever gets in acts in the operator's name. Whoever may break glass is not
          asked about, so that they get in also while Countersign is away.`,
      },
      { name: 'unenforced.access.countersign.dev' },
      { rules: WAYS_INTO_PODS, conditions: [MAY_NOT_BREAK_GLASS] },
    ),
    {
      name: 'break-glass.countersign.dev',
      comment: 'Refuses nothing: it records who broke glass.',
      away: 'pass',
      scope: 'governed',
      rules: WAYS_INTO_PODS,
      conditions: [MAY_BREAK_GLASS],
    },
  ];
  return configuration('ValidatingWebhookConfiguration', OBJECT.validatingConfiguration, webhooks);
}

function configuration(kind: string, name: string, webhooks: readonly Webhook[]): Value {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name, labels: PART_OF },
    webhooks: webhooks.map(webhookValue),
  };
}
