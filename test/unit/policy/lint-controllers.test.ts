import { describe, expect, it } from 'vitest';
import { formatFinding } from '../../../src/policy/finding.ts';
import { lintPolicy } from '../../../src/policy/lint.ts';
import { PEOPLE, read } from '../support/policies.ts';

function lint(spec: object): string[] {
  return lintPolicy(read({ ...PEOPLE, ...spec })).map(formatFinding);
}

const ACCOUNT = 'system:serviceaccount:platform:robot';
const POD = { group: '', kind: 'Pod' };
const JOB = { group: 'batch', kind: 'Job' };
const RUN = { group: 'example.com', kind: 'Run' };
const STEP = { group: 'example.com', kind: 'Step' };
const RUNS = { ...RUN, versions: ['v1'], resource: 'runs' };
const STEPS = { ...STEP, versions: ['v1'], resource: 'steps', spec: true };

const carrier = (name: string, owner: object, child: object, username: string = ACCOUNT) => ({
  name,
  username,
  owner,
  child,
});
const adjuster = (...fields: string[]) => ({ adjusters: [{ name: 'queue', username: ACCOUNT, fields }] });
const named = (username: string) => ({ adjusters: [{ name: 'queue', username, fields: ['spec.nodeSelector'] }] });

describe('lint is silent about', () => {
  it.each<[string, object]>([
    [
      'carriers that hand on step by step, down to a pod',
      {
        workloads: [{ ...RUNS, spec: true }, STEPS],
        carriers: [carrier('first', RUN, STEP), carrier('second', STEP, POD)],
      },
    ],
    [
      'a carrier to a kind from which Kubernetes goes on',
      { carriers: [{ name: 'j', username: ACCOUNT, preset: 'jobset' }] },
    ],
    [
      'one account under several presets',
      {
        carriers: [
          { name: 'j', username: ACCOUNT, preset: 'jobset' },
          { name: 's', username: ACCOUNT, preset: 'sympozium' },
        ],
      },
    ],
    [
      'fields whose controller builds the pod',
      {
        workloads: [{ ...RUNS, fields: ['spec.task', 'spec.model.name'] }],
        carriers: [carrier('r', RUN, POD)],
      },
    ],
    [
      'adjusters that say where a pod runs and with how much',
      adjuster(
        'spec.nodeSelector',
        'spec.affinity.nodeAffinity',
        'spec.tolerations',
        'spec.schedulingGates',
        'spec.containers.*.resources',
        'spec.initContainers.*.resources.limits',
        'metadata.labels',
      ),
    ],
  ])('%s', (_title, spec) => {
    expect(lint(spec)).toEqual([]);
  });
});

describe('lint warns of', () => {
  it.each<[string, object, string, string]>([
    ['an adjuster that is a person', named('oidc:bob'), 'NotServiceAccount', 'rule "people" makes a human of it'],
    ['one that nobody is', named('kueue'), 'NotServiceAccount', 'never counts'],
    ['one written as a pattern', named('system:serviceaccounts:kueue:.*'), 'NotServiceAccount', 'by its name alone'],
    ['a session', named('system:serviceaccount:agents:fab-0'), 'NotServiceAccount', 'an agent session'],
    ['a name in other letters', named('system:serviceaccount:agents:kueuе'), 'NotServiceAccount', 'U+0435'],
    [
      'a carrier that is a person',
      { carriers: [{ name: 'j', username: 'oidc:bob', preset: 'jobset' }] },
      'NotServiceAccount',
      'spec.carriers[0].username',
    ],
    [
      'a carrier that is there twice',
      {
        carriers: [
          { name: 'a', username: ACCOUNT, preset: 'jobset' },
          carrier('b', { group: 'jobset.x-k8s.io', kind: 'JobSet' }, JOB),
        ],
      },
      'CarrierRepeated',
      'spec.carriers[1]: repeats rule "a": JobSet → Job',
    ],
    [
      'a carrier that every policy has',
      { carriers: [carrier('b', JOB, POD, 'system:serviceaccount:kube-system:job-controller')] },
      'CarrierRepeated',
      'the carriers that every policy has',
    ],
    [
      'a carrier to a kind of which nobody makes anything',
      { workloads: [{ ...RUNS, spec: true }, STEPS], carriers: [carrier('first', RUN, STEP)] },
      'CarrierLeadsNowhere',
      'for Step',
    ],
    [
      'carriers that go in a circle',
      { workloads: [{ ...RUNS, spec: true }, STEPS], carriers: [carrier('a', RUN, STEP), carrier('b', STEP, RUN)] },
      'CarrierLeadsNowhere',
      'spec.carriers[1]',
    ],
    [
      'a carrier that may name people as well',
      {
        carriers: [{ name: 'j', username: ACCOUNT, preset: 'jobset' }],
        delegators: [{ name: 'bot', match: { username: 'system:serviceaccount:platform:.+' }, operators: ['alice'] }],
      },
      'DelegatorIsController',
      'carrier "j" a delegator',
    ],
    [
      'two rules for one adjuster',
      {
        adjusters: [
          { name: 'a', username: ACCOUNT, fields: ['spec.nodeSelector'] },
          { name: 'b', username: ACCOUNT, fields: ['spec.tolerations'] },
        ],
      },
      'AdjusterRepeated',
      'rule "a"',
    ],
    [
      'a path from the workload on',
      adjuster('spec.template.spec.nodeSelector'),
      'AdjusterFieldUnknown',
      'nodeSelector',
    ],
    ['a path from nowhere', adjuster('nodeSelector'), 'AdjusterFieldUnknown', 'spec.adjusters[0].fields[0]'],
    ['a kind that nobody makes anything of', { workloads: [{ ...RUNS, spec: true }] }, 'WorkloadWithoutCarrier', 'Run'],
    [
      'a field that is a list',
      { workloads: [{ ...RUNS, fields: ['spec.args.*'] }], carriers: [carrier('r', RUN, POD)] },
      'WorkloadFieldIgnored',
      'spec.workloads[0].fields[0]',
    ],
    [
      'a field that a controller writes',
      { workloads: [{ ...RUNS, fields: ['spec.task', 'status.phase'] }], carriers: [carrier('r', RUN, POD)] },
      'WorkloadFieldIgnored',
      'status.phase is outside spec',
    ],
  ])('%s', (_title, spec, code, part) => {
    const findings = lint(spec);
    expect(findings).toContainEqual(expect.stringContaining(`[${code}]`));
    expect(findings.join('\n')).toContain(part);
  });

  it.each([
    'spec',
    'spec.containers',
    'spec.containers.*',
    'spec.containers.*.image',
    'spec.containers.*.command',
    'spec.containers.*.args',
    'spec.containers.*.env',
    'spec.containers.*.envFrom',
    'spec.containers.*.lifecycle',
    'spec.containers.*.livenessProbe.exec',
    'spec.containers.*.volumeMounts',
    'spec.initContainers.*.image',
    'spec.ephemeralContainers',
    'spec.volumes',
    'spec.serviceAccountName',
    'spec.securityContext',
    'spec.runtimeClassName',
    'spec.hostAliases',
    'spec.aFieldOfALaterKubernetes',
  ])('an adjuster that decides what runs, by %s', (field) => {
    expect(lint(adjuster('spec.nodeSelector', field))).toEqual([
      expect.stringContaining(
        `[AdjusterDecidesWhatRuns] spec.adjusters[0].fields[1]: lets the adjuster decide by ${field} `,
      ),
    ]);
  });
});
