import { deny, quote } from '../denials.ts';
import { isOurMount, isOurVolume, isSessionContainer, replacedTokenVolume } from '../injection/ours.ts';
import { envObstacle } from '../injection/obstacles.ts';
import type { Mount, NamedObject, Volume } from '../injection/pod.ts';
import { isObject, type Json, type JsonObject, sameJson } from '../json.ts';
import { CONTAINER, ENV } from '../names.ts';
import { identify } from '../operator/identify.ts';
import { type Outcome, refused } from './outcome.ts';
import type { Review } from './review.ts';
import type { Circumstances, Governed } from './scene.ts';

const POD_KIND = { group: '', versions: ['v1'], resource: 'pods' } as const;

const WAYS = new Map([
  ['exec', 'a command run'],
  ['attach', 'an attachment'],
  ['portforward', 'a connection'],
  ['ephemeralcontainers', 'a container added'],
  ['resize', 'a change of resources'],
]);

/** Whether a review is of a way into a running pod. */
export function isAccess({ resource, subResource }: Review): boolean {
  return resource.group === '' && resource.resource === 'pods' && WAYS.has(subResource);
}

/**
 * Decides on a way into a running pod: whoever is in it acts in its operator's name, and whoever is in the session
 * container has the session's credentials.
 *
 * The operator is read off the session container, whose variables nobody can change: this works as well for pods whose
 * stamp was signed with a key that is gone.
 */
export async function guardAccess(review: Review, governed: Governed, circumstances: Circumstances): Promise<Outcome> {
  const { policy } = governed;
  const read = await podOf(review, circumstances);
  if ('problem' in read) {
    const owner = `Pod ${quote(review.name)}`;
    return refused(policy.name, deny('OwnerUnreadable', { owner, problem: read.problem }));
  }
  const session = read.pod === undefined ? undefined : sessionContainerIn(read.pod);
  if (session === undefined) return { kind: 'untouched', code: 'NoSession', policyName: policy.name };
  const operator = operatorIn(session);

  const closed = closedWay(review);
  if (closed !== undefined) return refused(policy.name, closed);
  if (review.subResource === 'resize') return permitted(policy.name);

  const who = identify(policy.identity, review.requester, { kind: 'none' }, review.namespace);
  if (who.kind === 'direct' && who.operator === operator) return permitted(policy.name);
  if (who.kind === 'refused' && who.denial.code === 'SessionRequester') return refused(policy.name, who.denial);
  const what = WAYS.get(review.subResource) ?? 'an access';
  const { username: requester } = review.requester;
  return refused(policy.name, deny('NotYourSession', { requester, operator, what }));
}

/** The operator whose session a pod holds; undefined when it holds none, or it cannot be found out. */
export async function operatorOf(review: Review, circumstances: Circumstances): Promise<string | undefined> {
  const read = await podOf(review, circumstances);
  const session = 'problem' in read || read.pod === undefined ? undefined : sessionContainerIn(read.pod);
  return session && operatorIn(session);
}

/** The pod as it is: a CONNECT brings only its options along. */
async function podOf(
  review: Review,
  { stamping }: Circumstances,
): Promise<{ pod: JsonObject | undefined } | { problem: string }> {
  if (review.oldObject !== undefined) return { pod: review.oldObject };
  if (stamping === undefined) return { problem: 'there is no API server to ask' };
  const wanted = { kind: POD_KIND, namespace: review.namespace, name: review.name };
  const read = await stamping.owners.read(wanted, stamping.deadline);
  if (read.kind === 'failed') return { problem: read.problem };
  return { pod: read.kind === 'found' ? read.object : undefined };
}

function sessionContainerIn(pod: JsonObject): JsonObject | undefined {
  return containersIn(pod, 'initContainers').find(isSessionContainer);
}

function operatorIn(container: JsonObject): string {
  const variables = container['env'];
  const entry = Array.isArray(variables)
    ? variables.filter(isObject).find((each) => each['name'] === ENV.operator)
    : {};
  const value = isObject(entry) ? entry['value'] : undefined;
  return typeof value === 'string' ? value : '';
}

/** Ways that are closed to everybody, because they lead to what only the session container has. */
function closedWay({ subResource, object, oldObject }: Review) {
  if (object === undefined) return undefined;
  if (subResource === 'exec' || subResource === 'attach') {
    return object['container'] === CONTAINER.name
      ? deny('SessionContainerClosed', { what: `"${subResource}" there` })
      : undefined;
  }
  if (subResource === 'resize') {
    const [before, after] = [oldObject, object].map((pod) => pod && sessionContainerIn(pod)?.['resources']);
    return sameJson(before, after) ? undefined : deny('SessionContainerClosed', { what: 'a change of its resources' });
  }
  const tokens = unmountedTokens(object);
  for (const container of containersIn(object, 'ephemeralContainers')) {
    const name = text(container['name']);
    if (container['targetContainerName'] === CONTAINER.name) {
      return deny('SessionContainerClosed', { what: `ephemeral container ${quote(name)}` });
    }
    const mounts = objectsIn(container, 'volumeMounts');
    const ours = mounts.find((mount) => isOurVolume({ name: text(mount['name']) }) && !isOurMount(mount as Mount));
    if (ours !== undefined) {
      const [volume, path] = [text(ours['name']), text(ours['mountPath'])];
      return deny('ReservedMount', { container: name, volume, path });
    }
    const left = mounts.map((mount) => text(mount['name'])).find((volume) => tokens.has(volume));
    if (left !== undefined) return deny('TokenProjection', { volume: left, what: 'a service account token' });
    const variables = container['env'];
    const env = Array.isArray(variables) ? (variables.filter(isObject) as unknown as readonly NamedObject[]) : [];
    const read = envObstacle({ name, env });
    if (read !== undefined) return read;
  }
  return undefined;
}

/**
 * Token volumes that the EKS webhooks left in the pod when they were asked after us. The guard of pods lets them pass, as
 * no container mounts them (`finalView`); one that is added later must not be the first.
 */
function unmountedTokens(pod: JsonObject): ReadonlySet<string> {
  const volumes = isObject(pod['spec']) ? objectsIn(pod['spec'], 'volumes') : [];
  return new Set(volumes.filter((each) => replacedTokenVolume(each as Volume)).map((each) => text(each['name'])));
}

function containersIn(pod: JsonObject, field: 'initContainers' | 'ephemeralContainers'): readonly JsonObject[] {
  const { spec } = pod;
  return isObject(spec) ? objectsIn(spec, field) : [];
}

function objectsIn(parent: JsonObject, field: string): readonly JsonObject[] {
  const list = parent[field];
  return Array.isArray(list) ? list.filter(isObject) : [];
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function permitted(policyName: string): Outcome {
  return { kind: 'untouched', code: 'Permitted', policyName };
}
