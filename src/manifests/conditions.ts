import type { Coverage, WorkloadKind } from '../lineage/kinds.ts';
import { ANNOTATION, API, LABEL, VERB } from '../names.ts';
import { all, any, differs, list, literal, optionalAt } from './cel.ts';
import { IS_SESSION } from './people.ts';

/** A condition under which a request is looked at; what does not meet it passes without a call. */
export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/** What all our annotation keys begin with. */
export const KEY_PREFIX = `${API.group}/`;

const CREATED = "request.operation == 'CREATE'";

/**
 * A mirror pod only shows what a node already runs from its own disk; refusing it hides it and stops nothing. The group
 * matters: the API server holds to their own pods (NodeRestriction) those alone who have name and group.
 */
export const NOT_A_MIRROR_POD: MatchCondition = {
  name: 'not-a-mirror-pod-of-a-node',
  expression: `!(${all([
    "request.userInfo.username.startsWith('system:node:')",
    "'system:nodes' in request.userInfo.groups",
    'has(object.metadata.annotations)',
    `${literal(ANNOTATION.mirrorPod)} in object.metadata.annotations`,
  ])})`,
};

/** Annotations of ours that differ between the object and what was stored, whichever of the two has them. */
const KEYS_DIFFER = `[object, oldObject].exists(one,
  one.metadata.?annotations.orValue({}).exists(key, key.startsWith(${literal(KEY_PREFIX)})
  && object.metadata.?annotations[?key] != oldObject.metadata.?annotations[?key]))`;

/**
 * Nobody has answered for the object yet, so the next update by a human adopts it. Controllers cannot adopt, and go on
 * with what there was before also while Countersign is away; as do those who take finalizers off what is being deleted.
 */
const UNSTAMPED = `(!request.userInfo.username.startsWith('system:') && !has(object.metadata.deletionTimestamp)
  && !${list([ANNOTATION.stamp, ANNOTATION.custody])}.exists(key,
  key in oldObject.metadata.?annotations.orValue({})))`;

/** Their volumes come in the place of the template's. */
const CLAIMS = ['spec', 'volumeClaimTemplates'];

/**
 * Keeps away every update that cannot change who answers for an object: those of status, scale and labels, which
 * controllers write all the time. A ControllerRevision is told to be the newest one by its `revision`.
 */
export function ofConcern(kinds: readonly WorkloadKind[]): MatchCondition {
  const templates = kinds.flatMap(({ covers }) => (covers.by === 'template' ? [templateRoot(covers)] : []));
  const wherever = new Map(templates.map((path) => [path.join('.'), path]));
  const terms = [CREATED, ...[...wherever.values()].map(differs), differs(CLAIMS), differs(['revision'])];
  for (const kind of kinds) {
    if (kind.covers.by === 'template') continue;
    // Also what the digest leaves out: a human who changes any of it is the one who submitted it.
    terms.push(`(request.resource.group == ${literal(kind.group)}
  && request.resource.resource == ${literal(kind.resource)}
  && ${differs(['spec'])})`);
  }
  return { name: 'new-or-changed-where-it-matters', expression: any([...terms, KEYS_DIFFER, UNSTAMPED]) };
}

/**
 * What is compared for a template: `spec.jobTemplate` for one deep inside it, `spec.replicatedJobs` for those of a
 * list. More than the template, and the same few words for every kind. Of a ControllerRevision all of its `data`.
 */
function templateRoot({ path }: Extract<Coverage, { by: 'template' }>): readonly string[] {
  return path[0] === 'spec' ? beforeLists(path.slice(0, 2)) : path.slice(0, 1);
}

function beforeLists(path: readonly string[]): readonly string[] {
  const star = path.indexOf('*');
  return star < 0 ? path : path.slice(0, star);
}

/**
 * Whether who asks has one of our own verbs; RBAC decides. A verb is a human's: an agent acts under its operator's name,
 * and would have what is bound to that name, such as a way into everybody's session or a token without a name.
 */
export function mayDo(verb: string): string {
  const resource = `authorizer.group(${literal(API.group)}).resource(${literal(API.policyPlural)})`;
  return `(${all([`!${IS_SESSION}`, `${resource}.check(${literal(verb)}).allowed()`])})`;
}

/** Whoever may break glass is not asked, so that they get in also while Countersign is away. */
export const MAY_NOT_BREAK_GLASS: MatchCondition = {
  name: 'may-not-break-glass',
  expression: `!${mayDo(VERB.breakGlass)}`,
};

export const MAY_BREAK_GLASS: MatchCondition = { name: 'may-break-glass', expression: mayDo(VERB.breakGlass) };

/** Who may not govern changes nothing of this: an admission policy sees to it. */
export const MAY_GOVERN: MatchCondition = { name: 'may-govern', expression: mayDo(VERB.govern) };

/** Whether a namespace is put under a policy, or its date is missing or about to be changed. */
export const GOVERNANCE_BEGINS: MatchCondition = {
  name: 'governance-begins-or-has-no-date',
  expression: any([
    CREATED,
    metadataDiffers('labels', LABEL.policy),
    metadataDiffers('annotations', ANNOTATION.governedSince),
    `!(${literal(ANNOTATION.governedSince)} in object.metadata.?annotations.orValue({}))`,
  ]),
};

/** Whether a label or annotation differs. */
function metadataDiffers(field: 'labels' | 'annotations', key: string): string {
  const at = (root: string) => optionalAt(`${root}.metadata.?${field}`, [key]);
  return `${at('object')} != ${at('oldObject')}`;
}
