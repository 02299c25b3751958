import { BUILT_IN_CARRIERS, type Carrier, type GroupKind, isSameKind } from '../lineage/kinds.ts';
import { isMachine, isServiceAccount, sessionOf, unreadable } from '../operator/requester.ts';
import { type Adjuster, carriersOf, type Policy } from './compile.ts';
import { type Finding, finding } from './finding.ts';
import type { PolicySpec } from './schema.ts';

/** What an admin may regret of carriers, adjusters and workloads, as far as the policy alone shows it. */
export function lintControllers(spec: PolicySpec, policy: Policy): readonly Finding[] {
  return [
    ...spec.carriers.flatMap(({ username }, index) => lintUsername(username, `spec.carriers[${index}]`, policy)),
    ...lintRepeatedCarriers(spec),
    ...lintChains(spec, policy),
    ...spec.adjusters.flatMap(({ username }, index) => lintUsername(username, `spec.adjusters[${index}]`, policy)),
    ...lintRepeatedAdjusters(spec),
    ...policy.adjusters.flatMap((adjuster, index) => lintFields(adjuster, `spec.adjusters[${index}]`)),
    ...lintWorkloads(spec, policy),
  ];
}

/**
 * Only machines hand names on, as what a human writes is in their own name. Of the machines only service accounts show
 * a token of their own, without which whoever may impersonate is not believed.
 */
function lintUsername(username: string, path: string, policy: Policy): Finding[] {
  const problem = usernameProblem(username, policy);
  return problem === undefined ? [] : [finding('NotServiceAccount', `${path}.username`, problem)];
}

function usernameProblem(username: string, { identity }: Policy): string | undefined {
  const requester = { username, groups: [], extra: {} };
  const flaw = unreadable(username);
  if (flaw !== undefined) return `never counts: ${flaw}`;
  if (sessionOf(requester) !== undefined) return 'never counts: it names an agent session, which hands nothing on';
  if (isServiceAccount(requester)) return undefined;
  const write = 'write system:serviceaccount:NAMESPACE:NAME';
  if (isMachine(requester)) return `is no service account, and so is believed by its name alone; ${write}`;
  const rule = identity.operators.find((each) => each.match.username?.matches(username) === true);
  return rule === undefined
    ? `never counts, as it is no service account; ${write}`
    : `never counts: rule "${rule.name}" makes a human of it, and what a human writes is in their own name; ${write}`;
}

/** Where two rules say the same, one that is taken away leaves the right in place. */
function lintRepeatedCarriers(spec: PolicySpec): Finding[] {
  const known = new Map(BUILT_IN_CARRIERS.map((carrier) => [keyOf(carrier), 'the carriers that every policy has']));
  return spec.carriers.flatMap((rule, index) =>
    carriersOf(rule).flatMap((carrier) => {
      const key = keyOf(carrier);
      const earlier = known.get(key);
      known.set(key, earlier ?? `rule "${rule.name}"`);
      if (earlier === undefined) return [];
      const what = `${carrier.owner.kind} → ${carrier.child.kind} by the same account`;
      return [finding('CarrierRepeated', `spec.carriers[${index}]`, `repeats ${earlier}: ${what}; leave it out`)];
    }),
  );
}

function keyOf({ username, owner, child }: Carrier): string {
  return JSON.stringify([username, owner.group, owner.kind, child.group, child.kind]);
}

/** A name that is handed on to something for which nobody makes pods arrives nowhere. */
function lintChains(spec: PolicySpec, policy: Policy): Finding[] {
  return spec.carriers.flatMap((rule, index) => {
    const children = carriersOf(rule).map(({ child }) => child);
    if (children.some((child) => leadsToPod(child, policy.carriers))) return [];
    const kinds = [...new Set(children.map(({ kind }) => kind))].join(', ');
    const message = `leads to no pod: no carrier makes anything for ${kinds} that ends in one; list the next step too`;
    return [finding('CarrierLeadsNowhere', `spec.carriers[${index}]`, message)];
  });
}

function leadsToPod(kind: GroupKind, carriers: readonly Carrier[]): boolean {
  const reached: GroupKind[] = [kind];
  // Grows while it is walked, by each kind once: carriers may go in circles.
  for (const each of reached) {
    if (each.group === '' && each.kind === 'Pod') return true;
    for (const { owner, child } of carriers) {
      if (isSameKind(owner, each) && !reached.some((known) => isSameKind(known, child))) reached.push(child);
    }
  }
  return false;
}

/** A change must fit into one rule, so two of one machine do less than they seem to. */
function lintRepeatedAdjusters({ adjusters }: PolicySpec): Finding[] {
  return adjusters.flatMap(({ username }, index) => {
    const earlier = adjusters.slice(0, index).find((each) => each.username === username);
    if (earlier === undefined) return [];
    const message = `is of the same account as rule "${earlier.name}", and a change that needs both is refused; join them`;
    return [finding('AdjusterRepeated', `spec.adjusters[${index}]`, message)];
  });
}

const CONTAINERS = ['containers', 'initContainers', 'ephemeralContainers'] as const;

/**
 * Fields that say where and when a pod runs and with how much, and nothing of what runs in it. All others count as
 * deciding that, so that those of a later Kubernetes do too. Labels and annotations are no part of what is signed.
 */
const HARMLESS: readonly (readonly string[])[] = [
  ['metadata'],
  ...[
    'activeDeadlineSeconds',
    'affinity',
    'nodeName',
    'nodeSelector',
    'overhead',
    'preemptionPolicy',
    'priority',
    'priorityClassName',
    'resources',
    'schedulerName',
    'schedulingGates',
    'terminationGracePeriodSeconds',
    'tolerations',
    'topologySpreadConstraints',
  ].map((field) => ['spec', field]),
  ...CONTAINERS.flatMap((list) => ['resizePolicy', 'resources'].map((field) => ['spec', list, '*', field])),
];

/** Names under `spec` that a workload has and a pod does not: the path was written from the workload on. */
const ABOVE_THE_TEMPLATE: ReadonlySet<string> = new Set(['template', 'jobTemplate', 'podTemplate', 'replicas']);

function lintFields({ fields }: Adjuster, path: string): Finding[] {
  return fields.flatMap((field, index) => {
    const at = `${path}.fields[${index}]`;
    const name = field.join('.');
    const [first = '', second = ''] = field;
    if ((first !== 'spec' && first !== 'metadata') || (first === 'spec' && ABOVE_THE_TEMPLATE.has(second))) {
      const message = `${name} is no field of a pod template, so nothing is allowed by it; write it from the template on, such as spec.nodeSelector`;
      return [finding('AdjusterFieldUnknown', at, message)];
    }
    if (HARMLESS.some((harmless) => harmless.every((step, depth) => step === field[depth]))) return [];
    const message = `lets the adjuster decide by ${name} what runs in the name of a human who did not write it; list fields that say where it runs and with how much`;
    return [finding('AdjusterDecidesWhatRuns', at, message)];
  });
}

function lintWorkloads({ workloads }: PolicySpec, policy: Policy): Finding[] {
  return workloads.flatMap((workload, index) => {
    const path = `spec.workloads[${index}]`;
    const findings: Finding[] = [];
    if (!policy.carriers.some(({ owner }) => isSameKind(owner, workload))) {
      const message = `no carrier makes anything for ${workload.kind}, so its stamp leads to no pod; list its controller under carriers`;
      findings.push(finding('WorkloadWithoutCarrier', path, message));
    }
    for (const [at, field] of (workload.fields ?? []).entries()) {
      const problem = fieldProblem(field);
      if (problem !== undefined) findings.push(finding('WorkloadFieldIgnored', `${path}.fields[${at}]`, problem));
    }
    return findings;
  });
}

function fieldProblem(field: string): string | undefined {
  const steps = field.split('.');
  // Of a list the digest takes the first string, and an author could put what counts behind it.
  if (steps.includes('*')) return `${field} leads to several values, and a stamp covers one string; name single fields`;
  if (steps[0] === 'spec' && steps.length > 1) return undefined;
  return `${field} is outside spec: when it changes nothing is stamped anew, and the stamp no longer fits; name fields below spec`;
}
