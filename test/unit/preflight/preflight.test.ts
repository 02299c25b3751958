import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/json.ts';
import { findKind, groupOf } from '../../../src/lineage/kinds.ts';
import type { Policy } from '../../../src/policy/compile.ts';
import { preflight } from '../../../src/preflight/preflight.ts';
import type { Situation } from '../../../src/preflight/situation.ts';
import type { UnsignedClaims } from '../../../src/stamp/claims.ts';
import { PEOPLE, policy } from '../support/policies.ts';
import { carrying, claims, claimsAbout, newKeys, ownedBy, sign, workload } from '../support/stamps.ts';

const { keys } = newKeys();
const SINCE = claims().gov;
const PLAIN = policy({
  ...PEOPLE,
  session: { ...policy().session, identity: 'irsa', baseRole: 'arn:aws:iam::111122223333:role/b' },
});

interface Namespace {
  readonly policy?: Policy;
  readonly podSecurity?: string;
  /** Undefined for a namespace that is not governed. */
  readonly since?: string | undefined;
}

/** What would be refused in a namespace that holds these objects: of each, the codes or first words, and the commands. */
function report(objects: readonly JsonObject[], namespace: Namespace = {}) {
  const { policy = PLAIN, podSecurity = 'baseline' } = namespace;
  const since = 'since' in namespace ? namespace.since : SINCE;
  const workloads: Situation['workloads'][number][] = [];
  const pods: JsonObject[] = [];
  for (const object of objects) {
    const { apiVersion, kind } = object as { apiVersion: string; kind: string };
    const known = findKind(policy.kinds, { group: groupOf(apiVersion), kind });
    if (known !== undefined) workloads.push({ kind: known, object });
    else pods.push(object);
  }
  const stamps = since === undefined ? undefined : { since, cluster: 'cluster', keys: keys.verifying };
  return preflight({ namespace: 'agents', policy, podSecurity, stamps, workloads, pods });
}

/** Lines such as `Deployment "web": OwnerNotAttributed`. */
function problems(objects: readonly JsonObject[], namespace?: Namespace): string[] {
  return report(objects, namespace).findings.flatMap(({ title, problems }) =>
    problems.map(({ message }) => `${title}: ${/^\[(\w+)\]/.exec(message)?.[1] ?? message}`),
  );
}

function stamped(object: JsonObject, changes: Partial<UnsignedClaims> = {}): JsonObject {
  return carrying(object, { stamp: sign(claimsAbout(object, changes), keys) });
}

function withPodSpec(object: JsonObject, spec: JsonObject): JsonObject {
  return { ...object, spec: { template: { spec } } };
}

const deployment = workload('apps/v1', 'Deployment', 'web');
const job = workload('batch/v1', 'Job', 'once');
const pod: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'agents' },
  spec: { containers: [{ name: 'main', image: 'agent:1' }] },
};

describe('preflight', () => {
  it('finds nothing where everything is stamped', () => {
    const custody = ownedBy(deployment, workload('apps/v1', 'ReplicaSet', 'web-1'));
    const stampedPod = stamped(pod, { typ: 'pod' });
    expect(report([stamped(deployment), custody, stamped(job), stampedPod])).toEqual({ findings: [], examined: 3 });
  });

  it('says of what nobody stands behind how to adopt it', () => {
    const { findings, examined } = report([deployment, stamped(job)]);
    expect(examined).toBe(2);
    const command = 'kubectl -n agents annotate deployment/web adopted=yes --overwrite';
    expect(findings).toEqual([
      { title: 'Deployment "web"', problems: [{ message: expect.stringContaining(command) as string, command }] },
    ]);
  });

  it('counts no stamp in a namespace that is not governed: there is nobody who checked it', () => {
    expect(problems([stamped(deployment)], { since: undefined })).toEqual(['Deployment "web": OwnerNotAttributed']);
  });

  it.each<[what: string, object: JsonObject, code: string]>([
    ['from before the namespace was governed', stamped(deployment, { gov: 'earlier' }), 'StampFromBefore'],
    [
      'by a key that is gone',
      carrying(deployment, { stamp: sign(claimsAbout(deployment), newKeys().keys) }),
      'StampKeyUnknown',
    ],
    [
      'for another template',
      carrying(workload('apps/v1', 'Deployment', 'web', 'agent:2'), { stamp: sign(claimsAbout(deployment), keys) }),
      'StampMisfit',
    ],
    ['from another namespace', stamped(deployment, { ns: 'elsewhere' }), 'StampInvalid'],
    ['that is none', carrying(deployment, { stamp: 'x' }), 'StampInvalid'],
    ['of another object', carrying(deployment, { stamp: sign(claimsAbout(job), keys) }), 'OwnerNotAttributed'],
  ])('says so of a stamp %s, and that it must be taken away to be replaced', (_, object, code) => {
    const [found] = report([object]).findings;
    expect(found?.problems[0]?.message).toContain(`[${code}]`);
    expect(found?.problems[0]?.command).toBe('kubectl -n agents annotate deployment/web countersign.dev/stamp-');
  });

  it('knows who has left', () => {
    expect(
      problems([stamped(deployment)], {
        policy: policy({ ...PEOPLE, left: ['alice@example.com'] }),
        podSecurity: 'restricted',
      }),
    ).toEqual(['Deployment "web": OperatorLeft']);
  });

  it('takes the templates for what would be made of them', () => {
    const shared = withPodSpec(deployment, { containers: [{ name: 'a' }], shareProcessNamespace: true });
    const huge = withPodSpec(workload('apps/v1', 'StatefulSet', 'db'), { containers: [{ name: 'a' }], n: 2 ** 60 });
    const nameless = withPodSpec(workload('apps/v1', 'DaemonSet', 'd'), { containers: [{ image: 'a' }] });
    expect(problems([stamped(shared), huge, stamped(nameless)])).toEqual([
      'Deployment "web": SharedProcessNamespace',
      'StatefulSet "db": OwnerNotAttributed',
      'StatefulSet "db": TemplateNotComparable',
      'DaemonSet "d": its pod template cannot be read: request.object.spec.containers[0].name is not a string. Next: correct it.',
    ]);
  });

  it('looks at the namespace’s Pod Security, as strict as the policy needs it', () => {
    const { findings } = report([], { podSecurity: '' });
    expect(findings).toEqual([
      {
        title: 'Namespace "agents"',
        problems: [
          {
            message: expect.stringContaining('[PodSecurityMissing]') as string,
            command: 'kubectl label namespace agents pod-security.kubernetes.io/enforce=baseline --overwrite',
          },
        ],
      },
    ]);
    expect(report([], { policy: policy(PEOPLE) }).findings[0]?.problems[0]?.command).toContain('enforce=restricted');
  });

  it('leaves out what asks nobody: what has ended, is not selected, follows its owner, or mirrors a static pod', () => {
    const ended = { ...job, status: { conditions: [{ type: 'Complete', status: 'True' }] } };
    const failing = {
      ...workload('batch/v1', 'Job', 'failing'),
      status: { conditions: [{ type: 'Failed', status: 'False' }] },
    };
    const replicaSet = ownedBy(deployment, workload('apps/v1', 'ReplicaSet', 'web-1'));
    const revision: JsonObject = ownedBy(workload('apps/v1', 'StatefulSet', 'db'), {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'db-1' },
    });
    const mirror = { ...pod, metadata: { name: 'mirror', annotations: { 'kubernetes.io/config.mirror': 'x' } } };
    const succeeded = { ...pod, status: { phase: 'Succeeded' } };
    expect(problems([ended, failing, replicaSet, revision, mirror, succeeded])).toEqual([
      'Job "failing": OwnerNotAttributed',
    ]);
    const selective = policy({ ...PEOPLE, pods: { labels: { agent: 'yes' } } });
    expect(problems([deployment, pod], { policy: selective, podSecurity: 'restricted' })).toEqual([]);
  });

  it('asks for Jobs that a CronJob has made already: they do not follow it', () => {
    const cron: JsonObject = {
      ...workload('batch/v1', 'CronJob', 'nightly'),
      spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: 'a' }] } } } } },
    };
    expect(problems([stamped(cron), ownedBy(cron, job)])).toEqual(['Job "once": OwnerNotAttributed']);
  });

  it('says which pods nobody would make again', () => {
    const forged = carrying(pod, { stamp: sign(claimsAbout(pod, { typ: 'pod' }), newKeys().keys) });
    for (const bare of [pod, forged, stamped(pod, { typ: 'pod', ns: 'elsewhere' }), stamped(pod)]) {
      expect(problems([bare])).toEqual([
        expect.stringMatching(/^Pod "p": nothing would make this pod .* create it again as yourself/),
      ]);
    }
  });

  it('names kinds that it does not know, once, however many pods they made', () => {
    const workflow: JsonObject = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Workflow', metadata: { name: 'w' } };
    const pods = ['a', 'b', 'c'].map((name) => ownedBy(workflow, { ...pod, metadata: { name } }));
    expect(problems(pods)).toEqual(['Workflow "w": OwnerUnknown']);
    const pool: JsonObject = {
      apiVersion: 'extensions.agents.x-k8s.io/v1beta1',
      kind: 'SandboxWarmPool',
      metadata: { name: 'pool' },
    };
    const sandbox = ownedBy(pool, {
      apiVersion: 'agents.x-k8s.io/v1beta1',
      kind: 'Sandbox',
      metadata: { name: 's' },
      spec: {},
    });
    expect(problems([sandbox])).toContain('SandboxWarmPool "pool": WarmPool');
  });

  it('names carriers that the policy lacks, for the kinds that are there', () => {
    const sandbox = stamped({
      ...workload('agents.x-k8s.io/v1beta1', 'Sandbox', 's'),
      spec: { podTemplate: { spec: { containers: [] } } },
    });
    expect(problems([sandbox])).toEqual([
      'Sandbox "s": policy "test" has no carrier that may make a Pod for a Sandbox. Next: list the controller’s account under carriers.',
    ]);
    const carriers = [
      { name: 'sandboxes', username: 'system:serviceaccount:agent-sandbox-system:c', preset: 'agent-sandbox' },
    ];
    expect(problems([sandbox], { policy: policy({ ...PEOPLE, carriers }), podSecurity: 'restricted' })).toEqual([]);
  });

  it('knows a policy’s own kinds, and that somebody must make something for them', () => {
    const robots = {
      group: 'example.com',
      versions: ['v1'],
      kind: 'Robot',
      resource: 'robots',
      template: 'spec.template',
    };
    const own = policy({ ...PEOPLE, workloads: [robots] });
    const robot = workload('example.com/v1', 'Robot', 'r');
    const { findings } = report([robot], { policy: own, podSecurity: 'restricted' });
    expect(findings[0]?.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('kubectl -n agents annotate robots.example.com/r adopted=yes --overwrite'),
      expect.stringContaining('has no carrier that may make anything for a Robot'),
    ]);
  });

  it('gives commands that do nothing else in a shell', () => {
    const odd = workload('apps/v1', 'Deployment', "x';touch pwned;'");
    expect(report([odd]).findings[0]?.problems[0]?.command).toBe(
      String.raw`kubectl -n agents annotate 'deployment/x'\'';touch pwned;'\''' adopted=yes --overwrite`,
    );
  });
});
