import { ADMISSION_POLICY, ANNOTATION, LABEL, VERB } from '../../names.ts';
import { all, any, literal } from '../cel.ts';
import { mayDo } from '../conditions.ts';
import type { AdmissionPolicy } from './policy.ts';

/** Only an update of the namespace itself passes the webhook that dates its governance; nobody has a reason for others. */
const MAY_GOVERN = `(request.?subResource.orValue('') == ''
  && ${mayDo(VERB.govern)})`;

function before(field: 'labels' | 'annotations'): string {
  return `oldObject == null ? {} : oldObject.metadata.?${field}.orValue({})`;
}

function now(field: 'labels' | 'annotations'): string {
  return `object.metadata.?${field}.orValue({})`;
}

/** How much a Pod Security level forbids; without the label it is the cluster's default, which may forbid nothing. */
function strictness(labels: string): string {
  return `{'restricted': 2, 'baseline': 1}[?${labels}[?${literal(LABEL.podSecurityEnforce)}].orValue('')].orValue(0)`;
}

function unchanged(field: 'labels' | 'annotations', key: string): string {
  return `variables.${field}[?${literal(key)}] == variables.${field}Were[?${literal(key)}]`;
}

export const NAMESPACE_POLICIES: readonly AdmissionPolicy[] = [
  {
    name: ADMISSION_POLICY.namespaces,
    comment: `Whoever may label a namespace could take it out of its policy, put it under another, or into a mode that
      refuses nothing. Bound without a selector: else a namespace would leave by the label that is to be kept.`,
    rules: [
      {
        apiGroups: [''],
        apiVersions: ['v1'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
        scope: 'Cluster',
      },
    ],
    variables: {
      labelsWere: before('labels'),
      labels: now('labels'),
      annotationsWere: before('annotations'),
      annotations: now('annotations'),
      sameGovernance: all([
        unchanged('labels', LABEL.policy),
        unchanged('labels', LABEL.mode),
        unchanged('annotations', ANNOTATION.governedSince),
      ]),
      level: strictness('variables.labels'),
      levelWas: strictness('variables.labelsWere'),
      asSecure: all(['variables.level >= variables.levelWas', unchanged('labels', LABEL.podSecurityEnforceVersion)]),
    },
    validations: [
      { expression: any(['variables.sameGovernance', MAY_GOVERN]), refusal: 'GovernanceChanged' },
      {
        expression: any([`!(${literal(LABEL.policy)} in variables.labelsWere)`, 'variables.asSecure', MAY_GOVERN]),
        refusal: 'PodSecurityLowered',
      },
    ],
    where: 'everywhere',
  },
];
