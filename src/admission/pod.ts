import { type Denial, deny } from '../denials.ts';
import { type Claims, claimsOf } from '../injection/claims.ts';
import { type ApiServer, plannedParts, type SessionPlan } from '../injection/container.ts';
import { obstacleIn } from '../injection/obstacles.ts';
import { patchFor } from '../injection/patch.ts';
import type { Pod } from '../injection/pod.ts';
import { replacementsIn } from '../injection/replacements.ts';
import { publicStsEndpoint } from '../aws.ts';
import { descend } from '../lineage/descend.ts';
import { generateNameOf, nameOf, titleOf } from '../lineage/metadata.ts';
import type { Scene } from '../lineage/scene.ts';
import { ANNOTATION } from '../names.ts';
import { identify } from '../operator/identify.ts';
import type { Requester } from '../operator/requester.ts';
import type { Policy } from '../policy/compile.ts';
import { chooseRole } from '../policy/role.ts';
import { selects } from '../policy/select.ts';
import type { Reference } from '../stamp/claims.ts';
import { digestOf } from '../stamp/digest.ts';
import { signStamp } from '../stamp/jws.ts';
import { type Outcome, refused } from './outcome.ts';
import type { Review } from './review.ts';
import { type Circumstances, type Governed, type SessionSurroundings, sceneOf } from './scene.ts';
import { type Author, authorIn, authorOf, claimsFor, groupsFor } from './statement.ts';
import { isHandOn } from './who.ts';

const POD = { group: '', kind: 'Pod' } as const;

/** Decides on a pod that is to be created. */
export function decidePod(
  review: Review,
  pod: Pod,
  governance: Governed,
  circumstances: Circumstances,
): Outcome | Promise<Outcome> {
  const { policy } = governance;
  if (Object.hasOwn(pod.annotations, ANNOTATION.mirrorPod)) return decideMirror(review.requester, policy);
  if (!selects(policy.pods, pod)) return { kind: 'untouched', code: 'NotSelected', policyName: policy.name };

  const scene = sceneOf(review.namespace, governance, circumstances);
  if (scene.kind === 'refused') return refused(policy.name, scene.denial);
  const stamped = scene.kind === 'scene' ? scene.scene : undefined;
  const claims = claimsOf(pod);
  const subject: Subject = { review, pod, claims, governance, scene: stamped, circumstances };

  const who = identify(policy.identity, review.requester, claims.operator, review.namespace);
  if (who.kind !== 'refused') return attribute(subject, authorOf(who, review.requester, policy), undefined);
  if (pod.controller === undefined || !isHandOn(who.denial)) return refused(policy.name, who.denial);
  if (stamped === undefined) {
    const child = titleOf(POD, pod.name);
    const owner = titleOf(pod.controller, pod.controller.name);
    const { username: requester } = review.requester;
    return refused(policy.name, deny('ControllerNotAttributed', { requester, child, owner }));
  }
  return handOn(subject, stamped);
}

interface Subject {
  readonly review: Review;
  readonly pod: Pod;
  readonly claims: Claims;
  readonly governance: Governed;
  readonly scene: Scene | undefined;
  readonly circumstances: Circumstances;
}

async function handOn(subject: Subject, scene: Scene): Promise<Outcome> {
  const { review, claims, governance } = subject;
  const born = { object: review.object ?? {}, kind: POD, workload: undefined };
  const descent = await descend(born, review.requester, scene);
  if (descent.kind === 'refused') return refused(governance.policy.name, descent.denial);
  const author = authorIn(descent.claims);
  const { operator: claim } = claims;
  if (claim.kind === 'value' && claim.value !== author.op) {
    const { value: claimed, where } = claim;
    return refused(governance.policy.name, deny('OperatorClaimedByOther', { claimed, where, operator: author.op }));
  }
  return attribute(subject, author, descent.parent);
}

function attribute(subject: Subject, author: Author, parent: Reference | undefined): Outcome {
  const { review, pod, claims, governance, scene, circumstances } = subject;
  const { policy } = governance;
  const byWhom = { operator: author.op, rule: author.rule };

  const insecure = podSecurityDenial(review.namespace, governance);
  if (insecure !== undefined) return refused(policy.name, insecure, byWhom);

  const role = chooseRole(policy, author.op, groupsFor(author), claims.role);
  if (role.kind === 'refused') return refused(policy.name, role.denial, byWhom);

  const obstacle = obstacleIn(pod, policy);
  if (obstacle !== undefined) return refused(policy.name, obstacle, byWhom);

  const plan = planOf(policy, author.op, role.arn, circumstances);
  if (plan === undefined) return refused(policy.name, deny('ApiServerUnknown', { policy: policy.name }), byWhom);
  return {
    kind: 'attributed',
    policyName: policy.name,
    ...byWhom,
    roleArn: role.arn,
    delegator: author.by,
    parent: parent && titleOf(parent, parent.name),
    operations: patchFor(pod, plan, scene && podStamp(subject, scene, author, plan, parent)),
    warnings: replacementsIn(pod, plan),
  };
}

function podStamp(
  { review }: Subject,
  scene: Scene,
  author: Author,
  plan: SessionPlan,
  parent: Reference | undefined,
): string {
  const name = nameOf(review.object ?? {});
  const claims = claimsFor(author, {
    typ: 'pod',
    role: plan.roleArn,
    ns: scene.namespace,
    gov: scene.since,
    holder: { ...POD, ...(name === '' ? { generateName: generateNameOf(review.object ?? {}) } : { name }) },
    dig: planDigest(plan),
    ...(parent !== undefined && { parent }),
  });
  return signStamp(claims, scene.keys, scene.cluster, scene.now);
}

/** Digest of what is planned into a pod, which its stamp names. */
export function planDigest(plan: SessionPlan): string {
  return digestOf(plannedParts(plan)) ?? '';
}

/** What a session of this operator in this role is given; undefined where it needs an API server that is not known. */
export function planOf(
  policy: Policy,
  operator: string,
  roleArn: string,
  { sessionImage, apiServer }: SessionSurroundings,
): SessionPlan | undefined {
  const { session } = policy;
  const kubernetes = kubernetesOf(session.kubernetes.identity, apiServer);
  if (kubernetes === undefined) return undefined;
  return {
    operator,
    roleArn,
    durationSeconds: session.durationSeconds,
    region: session.region,
    identity: session.identity,
    baseRole: session.baseRole,
    stsEndpoint: session.stsEndpoint ?? publicStsEndpoint(session.region),
    podIdentityEndpoint: session.podIdentityEndpoint,
    tags: session.tags,
    instanceMetadata: session.instanceMetadata,
    kubernetes,
    delivery: session.delivery,
    image: sessionImage,
    resources: policy.resources,
  };
}

function kubernetesOf(
  identity: Policy['session']['kubernetes']['identity'],
  apiServer: ApiServer | undefined,
): SessionPlan['kubernetes'] | undefined {
  if (identity === 'none') return { identity };
  return apiServer && { identity, ...apiServer };
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

/**
 * A pod must not reach into another's session by host namespaces or privileges, which `baseline` forbids. The agent of
 * EKS Pod Identity is besides asked in the clear: a container that may open raw sockets (NET_RAW, which container
 * runtimes grant by default and `restricted` takes away) reads the base credentials off the wire.
 */
export function podSecurityDenial(namespace: string, governance: Governed): Denial | undefined {
  const { podSecurity: found, policy } = governance;
  if (policy.podSecurity === 'cluster' || found === undefined) return undefined;
  const needed = policy.session.identity === 'pod-identity' ? 'restricted' : 'baseline';
  if (found === 'restricted' || found === needed) return undefined;
  return deny('PodSecurityMissing', { namespace, found: found === '' ? 'nothing' : `"${found}"`, needed });
}
