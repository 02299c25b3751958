import { podSecurityDenial } from '../admission/pod.ts';
import { type Denial, deny, quote } from '../denials.ts';
import { reasonOf } from '../errors.ts';
import { obstacleIn } from '../injection/obstacles.ts';
import { type Pod, readPod, readTemplate } from '../injection/pod.ts';
import { isObject, type JsonObject } from '../json.ts';
import { contentOf } from '../lineage/content.ts';
import { findKind, type GroupKind, isSameKind, POOL_KINDS, type WorkloadKind } from '../lineage/kinds.ts';
import { controllerOf, nameOf, type Owner, titleOf } from '../lineage/metadata.ts';
import { ANNOTATION } from '../names.ts';
import type { Policy } from '../policy/compile.ts';
import { selects } from '../policy/select.ts';
import { digestOf } from '../stamp/digest.ts';
import { adoptCommand, labelCommand } from './commands.ts';
import type { Finding, Listed, Problem, Report, Situation } from './situation.ts';
import { podIsStamped, standingDenial } from './stamps.ts';

const POD: GroupKind = { group: '', kind: 'Pod' };

/** Works out what would be refused in a namespace that is governed in `enforce`, object by object. */
export function preflight(situation: Situation): Report {
  const { namespace, policy, workloads, pods } = situation;
  const insecure = podSecurityDenial(namespace, { kind: 'governed', mode: 'enforce', ...situation });
  const level = policy.session.identity === 'pod-identity' ? 'restricted' : 'baseline';
  const whole: Finding[] =
    insecure === undefined
      ? []
      : [
          finding(`Namespace ${quote(namespace)}`, [
            { message: insecure.message, command: labelCommand(namespace, level) },
          ]),
        ];

  const answerable = workloads.filter((each) => mustBeAnsweredFor(each, policy));
  const own = answerable.map((each) => finding(titleOf(each.kind, nameOf(each.object)), ofWorkload(each, situation)));
  const made = workloads.map(({ kind, object }) => ofMade(kind, object, policy));
  const running = pods.filter((pod) => isRunning(pod) && selects(policy.pods, readPod(pod)));
  const ofPods = running.map((pod) => ofPod(pod, situation));
  return {
    findings: [...whole, ...merged([...own, ...made, ...ofPods])],
    examined: answerable.length + running.filter((pod) => controllerOf(pod) === undefined).length,
  };
}

/**
 * Whether somebody has to stand behind an object for its pods to start. ReplicaSets of a Deployment follow that at once
 * and revisions say nothing of their own; other children carry what they got when they were made.
 */
function mustBeAnsweredFor({ kind, object }: Listed, policy: Policy): boolean {
  if (kind.kind === 'ControllerRevision' || hasEnded(object, kind)) return false;
  const owner = controllerOf(object);
  if (owner !== undefined && kind.kind === 'ReplicaSet' && owner.kind === 'Deployment') return false;
  const templates = podsOf(object, kind);
  // One that cannot be read is refused by name below.
  return templates.length === 0 || templates.some((pod) => pod instanceof Error || selects(policy.pods, pod));
}

function ofWorkload(listed: Listed, situation: Situation): readonly Problem[] {
  const { kind, object } = listed;
  const { policy, namespace } = situation;
  const command = adoptCommand(listed, namespace);
  const nobody = standingDenial(listed, command, situation);
  const title = titleOf(kind, nameOf(object));
  const unequal = digestOf(contentOf(object, kind).covered) === undefined;
  return [
    ...(nobody === undefined ? [] : [{ message: nobody.message, command }]),
    ...(unequal ? [problem(deny('TemplateNotComparable', { object: title }))] : []),
    ...podsOf(object, kind).flatMap((pod) => {
      if (pod instanceof Error)
        return [{ message: `its pod template cannot be read: ${pod.message}. Next: correct it.` }];
      const obstacle = obstacleIn(pod, policy);
      return obstacle === undefined ? [] : [problem(obstacle)];
    }),
    ...uncarried(kind, policy),
  ];
}

/** Children that nobody may make for objects of a kind. */
function uncarried(kind: WorkloadKind, policy: Policy): readonly Problem[] {
  const carried = (child: GroupKind) =>
    policy.carriers.some((each) => isSameKind(each.owner, kind) && isSameKind(each.child, child));
  const missing = kind.children.filter((child) => !carried(child));
  if (missing.length > 0) return missing.map((child) => noCarrier(kind, child, policy));
  // A kind of the policy's own: what is made for it only its carriers tell.
  const known = kind.children.length > 0 || policy.carriers.some((each) => isSameKind(each.owner, kind));
  return known ? [] : [noCarrier(kind, undefined, policy)];
}

function noCarrier(owner: GroupKind, child: GroupKind | undefined, policy: Policy): Problem {
  const made = child === undefined ? 'anything' : `a ${child.kind}`;
  return {
    message:
      `policy ${quote(policy.name)} has no carrier that may make ${made} for a ${owner.kind}. ` +
      'Next: list the controller’s account under carriers.',
  };
}

/** What is refused of an object because of what made it. */
function ofMade(kind: GroupKind, object: JsonObject, policy: Policy): Finding {
  const owner = controllerOf(object);
  if (owner === undefined) return finding('', []);
  const child = titleOf(kind, nameOf(object));
  const title = titleOf(owner, owner.name);
  return finding(title, fromOwner(owner, kind, child, policy));
}

function fromOwner(owner: Owner, kind: GroupKind, child: string, policy: Policy): readonly Problem[] {
  const title = titleOf(owner, owner.name);
  if (POOL_KINDS.some((pool) => isSameKind(pool, owner))) return [problem(deny('WarmPool', { pool: title }))];
  const known = findKind(policy.kinds, owner);
  if (known === undefined) return [problem(deny('OwnerUnknown', { child, owner: title }))];
  const carried = policy.carriers.some((each) => isSameKind(each.owner, owner) && isSameKind(each.child, kind));
  return carried ? [] : [noCarrier(owner, kind, policy)];
}

function ofPod(pod: JsonObject, situation: Situation): Finding {
  if (controllerOf(pod) !== undefined) return ofMade(POD, pod, situation.policy);
  if (podIsStamped(pod, situation)) return finding('', []);
  const message =
    'nothing would make this pod again, and it has no operator; it goes on running as it is. ' +
    'Next: delete it, and create it again as yourself.';
  return finding(titleOf(POD, nameOf(pod)), [{ message }]);
}

/** A kubelet's mirror of a static pod is not attributed, and one that has ended starts no more. */
function isRunning(pod: JsonObject): boolean {
  const { metadata, status } = pod;
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  if (isObject(annotations) && Object.hasOwn(annotations, ANNOTATION.mirrorPod)) return false;
  const phase = isObject(status) ? status['phase'] : undefined;
  return phase !== 'Succeeded' && phase !== 'Failed';
}

/** Whether a run is over for good, so that nothing more is made for it. */
function hasEnded(object: JsonObject, { ends }: WorkloadKind): boolean {
  const { status } = object;
  if (ends === undefined || !isObject(status)) return false;
  if ('phases' in ends) return typeof status['phase'] === 'string' && ends.phases.includes(status['phase']);
  const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isObject) : [];
  return conditions.some(
    ({ type, status: is }) => typeof type === 'string' && ends.conditions.includes(type) && is === 'True',
  );
}

/** The pods that would be made of an object's templates. */
function podsOf(object: JsonObject, kind: WorkloadKind): readonly (Pod | Error)[] {
  return contentOf(object, kind).templates.map((template) => {
    try {
      return readTemplate(template);
    } catch (thrown) {
      return new Error(reasonOf(thrown), { cause: thrown });
    }
  });
}

/** One finding an object, each problem once: a hundred pods of one owner are one thing to mend. */
function merged(findings: readonly Finding[]): Finding[] {
  const all = new Map<string, Map<string, Problem>>();
  for (const { title, problems } of findings) {
    for (const each of problems) {
      const known = all.get(title) ?? new Map<string, Problem>();
      all.set(title, known.set(withoutChild(each.message), each));
    }
  }
  return [...all].map(([title, problems]) => finding(title, [...problems.values()]));
}

/** Messages that differ only in the child that they begin with. */
function withoutChild(message: string): string {
  return message.replace(/^(\[OwnerUnknown\]) \S+ "[^"]*"/, '$1');
}

function finding(title: string, problems: readonly Problem[]): Finding {
  return { title, problems };
}

function problem({ message }: Denial): Problem {
  return { message };
}
