import { type Denial, deny, quote } from '../denials.ts';
import { claimsOf } from '../injection/claims.ts';
import type { SessionPlan } from '../injection/container.ts';
import { obstacleIn } from '../injection/obstacles.ts';
import { patchFor } from '../injection/patch.ts';
import { replacementsIn } from '../injection/replacements.ts';
import { type Pod, readPod } from '../injection/pod.ts';
import type { Operation } from '../json.ts';
import { ANNOTATION } from '../names.ts';
import { type Identification, identify } from '../operator/identify.ts';
import type { Requester } from '../operator/requester.ts';
import type { Policy } from '../policy/compile.ts';
import { chooseRole } from '../policy/role.ts';
import { selects } from '../policy/select.ts';
import type { Governance } from './governance.ts';
import type { Review } from './review.ts';

/** What the decision needs to know beside the review and the policy. */
export interface Settings {
  readonly sessionImage: string;
}

/** What `enforce` does with a pod. */
export type Outcome =
  | { readonly kind: 'untouched'; readonly code: UntouchedCode; readonly policyName?: string }
  | {
      readonly kind: 'attributed';
      readonly policyName: string;
      readonly operator: string;
      readonly rule: string;
      readonly roleArn: string;
      readonly delegator: string | undefined;
      readonly operations: readonly Operation[];
      readonly warnings: readonly string[];
    }
  | {
      readonly kind: 'refused';
      readonly denial: Denial;
      readonly policyName: string | undefined;
      readonly operator?: string | undefined;
      readonly rule?: string | undefined;
    };

/** Why nothing is done. */
export type UntouchedCode = 'NotGoverned' | 'NotSelected' | 'NotReviewed' | 'MirrorPod';

/** Whether a review is one that the mutating path decides: the creation of a pod. */
export function isPodCreation(review: Review): boolean {
  const { group, resource } = review.resource;
  return group === '' && resource === 'pods' && review.subResource === '' && review.operation === 'CREATE';
}

/**
 * Decides on a pod. Everything is computed before anything is said: a pod is attributed whole or not at all.
 *
 * @throws Fault `ReviewInvalid` when the pod is not shaped like one
 */
export function decide(review: Review, governance: Governance, settings: Settings): Outcome {
  if (!isPodCreation(review)) return { kind: 'untouched', code: 'NotReviewed' };
  switch (governance.kind) {
    case 'ungoverned':
      return { kind: 'untouched', code: 'NotGoverned' };
    case 'unknown':
      return refused(undefined, deny('ClusterUnavailable', { problem: governance.problem }));
    case 'missing':
      return refused(governance.policyName, deny('PolicyMissing', { policy: governance.policyName }));
    case 'broken': {
      const { policyName: policy, problem } = governance;
      return refused(policy, deny('PolicyInvalid', { policy, problem }));
    }
    case 'governed':
      return decideGoverned(review, readPod(review.object), governance, settings);
  }
}

type Governed = Extract<Governance, { kind: 'governed' }>;

function decideGoverned(review: Review, pod: Pod, governance: Governed, settings: Settings): Outcome {
  const { policy } = governance;
  if (Object.hasOwn(pod.annotations, ANNOTATION.mirrorPod)) return decideMirror(review.requester, policy);
  if (!selects(policy.pods, pod)) return { kind: 'untouched', code: 'NotSelected', policyName: policy.name };

  const claims = claimsOf(pod);
  const who = identify(policy.identity, review.requester, claims.operator, review.namespace);
  if (who.kind === 'refused') return refused(policy.name, controllerDenial(review.requester, pod, who.denial));
  const byWhom = { operator: who.operator, rule: who.rule };

  const insecure = podSecurityDenial(review.namespace, governance);
  if (insecure !== undefined) return refused(policy.name, insecure, byWhom);

  const groups = who.kind === 'direct' ? review.requester.groups : [];
  const role = chooseRole(policy, who.operator, groups, claims.role);
  if (role.kind === 'refused') return refused(policy.name, role.denial, byWhom);

  const obstacle = obstacleIn(pod, policy.allow);
  if (obstacle !== undefined) return refused(policy.name, obstacle, byWhom);

  const plan = planOf(policy, who, role.arn, settings);
  return {
    kind: 'attributed',
    policyName: policy.name,
    ...byWhom,
    roleArn: role.arn,
    delegator: who.kind === 'delegated' ? who.delegator : undefined,
    operations: patchFor(pod, plan),
    warnings: replacementsIn(pod, plan),
  };
}

function planOf(
  policy: Policy,
  who: Exclude<Identification, { kind: 'refused' }>,
  roleArn: string,
  settings: Settings,
): SessionPlan {
  const { session } = policy;
  return {
    operator: who.operator,
    roleArn,
    durationSeconds: session.durationSeconds,
    region: session.region,
    identity: session.identity,
    baseRole: session.baseRole,
    delivery: session.delivery,
    image: settings.sessionImage,
    resources: policy.resources,
  };
}

/**
 * A mirror pod stands for a static pod that already runs on a node; the node is trusted, and refusing would only hide
 * it. From anybody else the annotation is a way past the webhook's conditions. Name and group both, as NodeRestriction
 * holds to their own pods only those who have both.
 */
function decideMirror({ username, groups }: Requester, policy: Policy): Outcome {
  const node = username.startsWith('system:node:') && groups.includes('system:nodes');
  if (node) return { kind: 'untouched', code: 'MirrorPod', policyName: policy.name };
  return refused(policy.name, deny('MirrorPodForged', { requester: username }));
}

/** Says of a controller's pod that it is one: "not a human" would send its author in the wrong direction. */
function controllerDenial(requester: Requester, pod: Pod, denial: Denial): Denial {
  if (denial.code !== 'NotHuman' || pod.controller === undefined) return denial;
  const owner = `${quote(pod.controller.kind)} ${quote(pod.controller.name)}`;
  return deny('ControllerNotAttributed', { requester: requester.username, owner });
}

/**
 * A pod must not reach into another's session by host namespaces or privileges, which `baseline` forbids. The agent of
 * EKS Pod Identity is besides asked in the clear: a container that may open raw sockets (NET_RAW, which container
 * runtimes grant by default and `restricted` takes away) reads the base credentials off the wire.
 */
function podSecurityDenial(namespace: string, governance: Governed): Denial | undefined {
  const { podSecurity: found, policy } = governance;
  if (policy.podSecurity === 'cluster' || found === undefined) return undefined;
  const needed = policy.session.identity === 'pod-identity' ? 'restricted' : 'baseline';
  if (found === 'restricted' || found === needed) return undefined;
  return deny('PodSecurityMissing', { namespace, found: found === '' ? 'nothing' : quote(found), needed });
}

function refused(policyName: string | undefined, denial: Denial, byWhom?: { operator: string; rule: string }): Outcome {
  return { kind: 'refused', policyName, denial, ...byWhom };
}
