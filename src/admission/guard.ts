import { deny } from '../denials.ts';
import { finalView } from '../injection/final.ts';
import { obstacleIn } from '../injection/obstacles.ts';
import { patchFor } from '../injection/patch.ts';
import { readPod, readTemplate } from '../injection/pod.ts';
import { sameJson } from '../json.ts';
import { contentOf } from '../lineage/content.ts';
import { findResource, type WorkloadKind } from '../lineage/kinds.ts';
import { generateNameOf, nameOf, titleOf } from '../lineage/metadata.ts';
import type { Scene } from '../lineage/scene.ts';
import { check, standingOf } from '../lineage/standing.ts';
import { ANNOTATION } from '../names.ts';
import { selects } from '../policy/select.ts';
import { verifyStamp } from '../stamp/jws.ts';
import { guardAccess, isAccess } from './access.ts';
import { isPodCreation, withoutPolicy } from './decide.ts';
import type { Governance } from './governance.ts';
import { type Outcome, refused } from './outcome.ts';
import { planDigest, planOf } from './pod.ts';
import type { Review } from './review.ts';
import { type Circumstances, type Governed, sceneOf } from './scene.ts';

/**
 * Decides on what is final: after every other webhook and after the API server has dropped what it does not know. Pods
 * must be what Countersign planned, workloads what was stamped; running sessions are entered by their operator alone.
 */
export function guard(
  review: Review,
  governance: Governance,
  circumstances: Circumstances,
): Outcome | Promise<Outcome> {
  const hindered = withoutPolicy(governance);
  if (hindered !== undefined) return hindered;
  const governed = governance as Governed;
  const { policy } = governed;
  if (isAccess(review)) return guardAccess(review, governed, circumstances);
  const scene = sceneOf(review.namespace, governed, circumstances);
  if (scene.kind === 'off') return { kind: 'untouched', code: 'NotReviewed' };
  if (isPodCreation(review)) {
    return scene.kind === 'refused' ? refused(policy.name, scene.denial) : guardPod(review, scene.scene, circumstances);
  }
  const kind = review.subResource === '' ? findResource(policy.kinds, review.resource) : undefined;
  if (kind === undefined) return { kind: 'untouched', code: 'NotReviewed' };
  return scene.kind === 'refused' ? refused(policy.name, scene.denial) : guardWorkload(review, kind, scene.scene);
}

/** A pod is as planned when planning it again finds nothing to do. */
function guardPod(review: Review, scene: Scene, circumstances: Circumstances): Outcome {
  const { policy } = scene;
  const pod = readPod(review.object);
  if (Object.hasOwn(pod.annotations, ANNOTATION.mirrorPod)) return permitted(policy.name, 'MirrorPod');
  if (!selects(policy.pods, pod)) return permitted(policy.name, 'NotSelected');
  const token = pod.annotations[ANNOTATION.stamp];
  const verified = token === undefined ? undefined : verifyStamp(token, scene.keys.verifying);
  if (token === undefined || verified?.kind !== 'valid') return refused(policy.name, deny('PodNotStamped', {}));

  const { op: operator, role, rule } = verified.claims;
  const plan = planOf(policy, operator, role, circumstances);
  if (plan === undefined)
    return refused(policy.name, deny('ApiServerUnknown', { policy: policy.name }), { operator, rule });
  const object = review.object ?? {};
  const holder = {
    group: '',
    kind: 'Pod',
    name: nameOf(object),
    generateName: generateNameOf(object),
    digest: planDigest(plan),
  };
  const standing = check(token, 'pod', holder, scene);
  const byWhom = { operator, rule };
  if (standing.kind === 'void') return refused(policy.name, standing.denial, byWhom);
  if (standing.kind === 'nobody') return refused(policy.name, deny('PodNotStamped', {}), byWhom);
  const [operation] = patchFor(finalView(pod), plan, token);
  if (operation !== undefined) return refused(policy.name, deny('PodChanged', { path: operation.path }), byWhom);
  const obstacle = obstacleIn(pod, policy);
  return obstacle === undefined ? permitted(policy.name) : refused(policy.name, obstacle, byWhom);
}

/** What is stored carries a statement that fits it, whenever what it would run is new. */
function guardWorkload(review: Review, kind: WorkloadKind, scene: Scene): Outcome {
  const { policy } = scene;
  if (kind.kind === 'ControllerRevision') return permitted(policy.name);
  const object = review.object ?? {};
  const content = contentOf(object, kind);
  const { templates } = content;
  const pods = templates.map(readTemplate);
  if (pods.length > 0 && !pods.some((pod) => selects(policy.pods, pod))) return permitted(policy.name, 'NotSelected');
  const before = review.oldObject && contentOf(review.oldObject, kind);
  if (before !== undefined && sameJson(before.covered, content.covered)) return permitted(policy.name);
  const standing = standingOf(object, kind, scene);
  if (standing.kind === 'stands') return permitted(policy.name);
  const title = titleOf(kind, nameOf(object));
  if (standing.kind === 'nobody') return refused(policy.name, deny('ObjectNotStamped', { object: title }));
  const changed = standing.denial.code === 'StampMisfit';
  return refused(policy.name, changed ? deny('TemplateAltered', { object: title }) : standing.denial);
}

function permitted(policyName: string, code: 'Permitted' | 'MirrorPod' | 'NotSelected' = 'Permitted'): Outcome {
  return { kind: 'untouched', code, policyName };
}
