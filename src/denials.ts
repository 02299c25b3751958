/**
 * Every denial: its stable code, what it says and what the reader does next. `docs/denials.md` explains each code,
 * and a test keeps the two together.
 */

interface Text {
  /** What happened and why, one sentence without a full stop. */
  readonly because: string;
  /** What to do about it, one or two sentences. */
  readonly next: string;
}

const ASK_ADMIN = 'Ask a cluster admin';

/** To apply the same manifest again changes nothing, so that nobody is asked about it; this is a change. */
const STAMP_ANEW =
  'Take it off as yourself, which has the object stamped anew and restarts nothing ' +
  '(kubectl annotate KIND/NAME countersign.dev/stamp- countersign.dev/custody-)';

/** One entry a code: from the particulars of a case to its text. */
const TEXTS = {
  // Who asks
  SessionRequester: (d: { session: string }): Text => ({
    because: `the request comes from a running agent session (${quote(d.session)}), and a session is not a human`,
    next: 'Do it as yourself, outside the session.',
  }),
  RequesterUnreadable: (d: { flaw: string }): Text => ({
    because: `the username of this request cannot be compared safely: ${d.flaw}`,
    next: `${ASK_ADMIN} to give you a username of printable ASCII characters.`,
  }),
  NotHuman: (d: { requester: string; serviceAccount: boolean }): Text => ({
    because: `${d.serviceAccount ? 'service account' : 'system identity'} ${quote(d.requester)} is not a human, and pods here run in the name of one`,
    next: `Create the pod as yourself, or ${lower(ASK_ADMIN)} to make this identity a delegator of the policy.`,
  }),
  ControllerNotAttributed: (d: { requester: string; child: string; owner: string }): Text => ({
    because: `${quote(d.requester)} made ${d.child} for ${d.owner}, and the policy does not let it hand attribution on`,
    next: `${ASK_ADMIN} to list it under carriers if it is the controller of ${d.owner}.`,
  }),
  NoOperatorRule: (d: { requester: string; policy: string }): Text => ({
    because: `no operator rule of policy ${quote(d.policy)} matches user ${quote(d.requester)}`,
    next: `${ASK_ADMIN} to add a rule for you; "countersign check --as" tries one without a cluster.`,
  }),
  OperatorNotClean: (d: { requester: string; rule: string; operator: string; flaw: string }): Text => ({
    because: `rule ${quote(d.rule)} makes ${quote(d.operator)} of ${quote(d.requester)}, which AWS does not take as a SourceIdentity: ${d.flaw}`,
    next: `${ASK_ADMIN} to change the rule so that it takes a part with 2 to 64 characters of A-Z a-z 0-9 _ + = , . @ -.`,
  }),
  OperatorLeft: (d: { operator: string; policy: string }): Text => ({
    because: `policy ${quote(d.policy)} lists operator ${quote(d.operator)} as having left`,
    next: `${ASK_ADMIN} to take the name off the list if that is wrong; what they submitted, another person may submit anew.`,
  }),

  // Through controllers
  CarrierDoubtful: (d: { requester: string; doubt: string }): Text => ({
    because: `carrier ${quote(d.requester)} is not believed: ${d.doubt}`,
    next: 'Run the controller in a namespace of its own, and have it use its own token; nobody may impersonate it.',
  }),
  OwnerMissing: (d: { child: string; owner: string }): Text => ({
    because: `${d.child} names ${d.owner} as its controller, which does not exist, or not any more`,
    next: 'Nothing, if it was just deleted; otherwise create it again as yourself.',
  }),
  OwnerUnreadable: (d: { owner: string; problem: string }): Text => ({
    because: `who stands behind ${d.owner} could not be found out in time: ${d.problem}`,
    next: 'Wait, the controller tries again; if it stays, a cluster admin finds the reason in the log of countersign-webhook.',
  }),
  OwnerUnknown: (d: { child: string; owner: string }): Text => ({
    because: `${d.child} belongs to ${d.owner}, a kind that Countersign does not know`,
    next: `${ASK_ADMIN} to add the kind under workloads, and its controller under carriers.`,
  }),
  OwnerNotAttributed: (d: { owner: string; command: string }): Text => ({
    because: `nobody stands behind ${d.owner}: it has no stamp, probably because it is older than the policy`,
    next: `Adopt it, which restarts nothing: ${d.command}`,
  }),
  WarmPool: (d: { pool: string }): Text => ({
    because: `${d.pool} makes pods before anybody has asked for one, so none can be named`,
    next: 'Let claims start without a pool, or keep the pool in a namespace that is not governed.',
  }),
  StampInvalid: (d: { holder: string; flaw: string }): Text => ({
    because: `the stamp on ${d.holder} does not count: ${d.flaw}`,
    next: `${STAMP_ANEW}; a stamp cannot be copied, moved or edited.`,
  }),
  StampKeyUnknown: (d: { holder: string }): Text => ({
    because: `the stamp on ${d.holder} was signed with a key that is not there any more`,
    next: `${STAMP_ANEW}, or ${lower(ASK_ADMIN)} to run "countersign restamp".`,
  }),
  StampFromBefore: (d: { holder: string }): Text => ({
    because: `the stamp on ${d.holder} is from before this namespace was put under its policy`,
    next: `${STAMP_ANEW}, or ${lower(ASK_ADMIN)} to run "countersign restamp".`,
  }),
  StampMisfit: (d: { holder: string; child: string }): Text => ({
    because: `${d.child} and the stamp on ${d.holder} are not about the same template`,
    next: `Wait, a controller with an old copy tries again. If it stays: ${lower(STAMP_ANEW)}.`,
  }),
  NotFromTemplate: (d: { child: string; owner: string; path: string }): Text => ({
    because: `${d.child} is not what ${d.owner} says: ${d.path} differs`,
    next: 'Look for a webhook or a controller that changes it, and have it change the template instead.',
  }),
  TemplateChanged: (d: { requester: string; object: string }): Text => ({
    because: `${quote(d.requester)} changes what would run in the name of whoever submitted ${d.object}`,
    next: `Change it as yourself, or ${lower(ASK_ADMIN)} to list this identity under adjusters with the fields it may set.`,
  }),
  TemplateNotComparable: (d: { object: string }): Text => ({
    because: `${d.object} holds a number beyond 2^53, text that is not Unicode or more than 256 levels, so that it cannot be compared safely`,
    next: 'Write large numbers as strings where the field allows it, or smaller.',
  }),
  GovernanceUndated: (d: { namespace: string }): Text => ({
    because: `namespace ${quote(d.namespace)} does not say since when it is governed, so no stamp in it can count`,
    next: `${ASK_ADMIN} to run: kubectl annotate namespace ${quote(d.namespace)} countersign.dev/governed-since=now --overwrite`,
  }),
  KeysUnavailable: (_: object): Text => ({
    because: 'Countersign has no key to sign or verify stamps with',
    next: `${ASK_ADMIN} to run "countersign bootstrap", which makes one.`,
  }),
  RestampUnclear: (d: { problem: string }): Text => ({
    because: `the annotation countersign.dev/restamp cannot be followed: ${d.problem}`,
    next: 'Use "countersign restamp", which writes it.',
  }),
  RestampNotAllowed: (d: { requester: string }): Text => ({
    because: `${quote(d.requester)} may not have objects stamped in somebody's name`,
    next: `${ASK_ADMIN} for the verb restamp on attributionpolicies.countersign.dev.`,
  }),

  // What is final
  PodNotStamped: (_: object): Text => ({
    because: 'the pod reached its end of admission without a stamp of Countersign',
    next: `${ASK_ADMIN}: the webhook pods.countersign.dev was not asked, or another one took the stamp away.`,
  }),
  ObjectNotStamped: (d: { object: string }): Text => ({
    because: `${d.object} reached its end of admission without a stamp of Countersign`,
    next: `${ASK_ADMIN}: the webhook workloads.countersign.dev was not asked, or another one took the stamp away.`,
  }),
  TemplateAltered: (d: { object: string }): Text => ({
    because: `the template of ${d.object} was altered after it was stamped: by another webhook, or by the API server, which drops fields of features that are switched off`,
    next: `Leave out fields of features that this cluster has not switched on; or ${lower(ASK_ADMIN)} to have the other webhook run earlier.`,
  }),
  PodChanged: (d: { path: string }): Text => ({
    because: `after Countersign had attributed the pod, something changed ${d.path}`,
    next: `${ASK_ADMIN} to find the webhook that does it, and to have it leave that alone or run earlier.`,
  }),
  NotYourSession: (d: { requester: string; operator: string; what: string }): Text => ({
    because: `the session in this pod is ${quote(d.operator)}'s, and ${d.what} by ${quote(d.requester)} would act in their name`,
    next: 'Ask them, or somebody who may break glass.',
  }),
  SessionContainerClosed: (d: { what: string }): Text => ({
    because: `${d.what} reaches into the session container, which holds the session's credentials`,
    next: 'Use another container of the pod; nobody works in this one.',
  }),

  // What the pod claims
  OperatorClaimUnclear: (d: { problem: string }): Text => ({
    because: `the pod does not name its operator plainly: ${d.problem}`,
    next: 'Leave FAB_OPERATOR and countersign.dev/on-behalf-of out, or give one literal value, the same everywhere.',
  }),
  OperatorClaimedByOther: (d: { claimed: string; where: string; operator: string }): Text => ({
    because: `${d.where} names operator ${quote(d.claimed)}, and you are ${quote(d.operator)}`,
    next: 'Leave the name out, it is set for you; only a delegator of the policy may name somebody else.',
  }),
  DelegatorDoubtful: (d: { requester: string; doubt: string }): Text => ({
    because: `delegator ${quote(d.requester)} is not believed: ${d.doubt}`,
    next: 'Run the delegator in a namespace of its own, and have it use its own token; nobody may impersonate it.',
  }),
  DelegatorNamedNobody: (d: { requester: string }): Text => ({
    because: `delegator ${quote(d.requester)} did not say for whom the pod runs`,
    next: 'Set the annotation countersign.dev/on-behalf-of (or a literal FAB_OPERATOR variable) to the operator.',
  }),
  DelegationNotAllowed: (d: { requester: string; rule: string; operator: string }): Text => ({
    because: `delegator rule ${quote(d.rule)} does not let ${quote(d.requester)} act for ${quote(d.operator)}`,
    next: `${ASK_ADMIN} to widen the rule's operators if it should.`,
  }),

  // Which role
  NoRole: (d: { operator: string; policy: string }): Text => ({
    because: `policy ${quote(d.policy)} has no AWS role for operator ${quote(d.operator)}`,
    next: `${ASK_ADMIN} to add one under session.roles.`,
  }),
  RoleClaimUnclear: (d: { problem: string }): Text => ({
    because: `the pod does not name its AWS role plainly: ${d.problem}`,
    next: 'Leave FAB_SESSION_ROLE_ARN out, or give one literal value, the same in every container.',
  }),
  RoleNotAllowed: (d: { role: string; operator: string; policy: string }): Text => ({
    because: `policy ${quote(d.policy)} does not let operator ${quote(d.operator)} use role ${quote(d.role)}`,
    next: `Leave FAB_SESSION_ROLE_ARN out to get the policy's role, or ${lower(ASK_ADMIN)} to allow this one.`,
  }),

  // What governs the namespace
  PolicyMissing: (d: { policy: string }): Text => ({
    because: `the namespace's label countersign.dev/policy names policy ${quote(d.policy)}, which does not exist`,
    next: `${ASK_ADMIN} to create the policy or to correct the label.`,
  }),
  PolicyInvalid: (d: { policy: string; problem: string }): Text => ({
    because: `policy ${quote(d.policy)} cannot be used: ${d.problem}`,
    next: `${ASK_ADMIN} to mend it; "countersign policy lint" lists all that is wrong.`,
  }),
  ClusterUnavailable: (d: { problem: string }): Text => ({
    because: `which policy governs the namespace could not be found out in time: ${d.problem}`,
    next: 'Try again; if it stays, a cluster admin finds the reason in the log of countersign-webhook.',
  }),
  PodSecurityMissing: (d: { namespace: string; found: string; needed: string }): Text => ({
    because: `namespace ${quote(d.namespace)} does not enforce Pod Security "${d.needed}" (it enforces ${d.found}), so a pod could take a session's credentials`,
    next: `${ASK_ADMIN} to set the label pod-security.kubernetes.io/enforce to ${d.needed === 'restricted' ? 'restricted' : 'baseline or restricted'}.`,
  }),
  ApiServerUnknown: (d: { policy: string }): Text => ({
    because: `policy ${quote(d.policy)} gives sessions access to the Kubernetes API, and this Countersign does not know where that is`,
    next: `${ASK_ADMIN} to start the webhook in the cluster, or with --session-api-server and --session-api-ca.`,
  }),

  // What the pod holds
  WindowsPod: (_: object): Text => ({
    because: 'this is a Windows pod, and the session container runs on Linux only',
    next: 'Run the agent on Linux, or in a namespace that is not governed.',
  }),
  MirrorPodForged: (d: { requester: string }): Text => ({
    because: `${quote(d.requester)} set the annotation kubernetes.io/config.mirror, which only a node's kubelet sets`,
    next: 'Remove the annotation.',
  }),
  SharedProcessNamespace: (_: object): Text => ({
    because: 'shareProcessNamespace lets every container read the session container’s tokens under /proc',
    next: 'Remove spec.shareProcessNamespace.',
  }),
  TooManyContainers: (d: { count: number; most: number }): Text => ({
    because: `the pod has ${d.count} containers, and the most that can be given a session is ${d.most}`,
    next: 'Spread them over several pods.',
  }),
  TokenProjection: (d: { volume: string; what: string }): Text => ({
    because: `volume ${quote(d.volume)} projects ${d.what}, a credential that does not carry the operator's name`,
    next: `Remove the projection, or ${lower(ASK_ADMIN)} to list its audience under allow.tokenAudiences.`,
  }),
  InlineCsi: (d: { volume: string; driver: string }): Text => ({
    because: `volume ${quote(d.volume)} uses the inline CSI driver ${quote(d.driver)}, which may hand out credentials`,
    next: `Use another kind of volume, or ${lower(ASK_ADMIN)} to list the driver under allow.csiDrivers.`,
  }),
  EnvFromReserved: (d: { container: string; prefix: string; variable: string }): Text => ({
    because: `container ${quote(d.container)} takes variables with prefix ${quote(d.prefix)} from an object, which can set ${d.variable}`,
    next: 'Use another prefix, or name the variables one by one under env.',
  }),
  ReservedName: (d: { what: string; name: string }): Text => ({
    because: `${d.what} ${quote(d.name)} takes a name that Countersign needs for what it adds`,
    next: 'Rename it.',
  }),
  ReservedMount: (d: { container: string; volume: string; path: string }): Text => ({
    because: `container ${quote(d.container)} mounts Countersign's volume ${quote(d.volume)} at ${quote(d.path)} in its own way`,
    next: 'Remove the mount; what the container needs is mounted for it.',
  }),
  ReservedPath: (d: { container: string; path: string }): Text => ({
    because: `container ${quote(d.container)} mounts something of its own at ${quote(d.path)}, over what Countersign mounts`,
    next: 'Mount it elsewhere.',
  }),
  ReservedPort: (d: { container: string; port: number }): Text => ({
    because: `container ${quote(d.container)} uses port ${d.port}, where the session container listens`,
    next: 'Use another port.',
  }),

  // Policies as they are written
  PolicyRejected: (d: { problems: string }): Text => ({
    because: `the policy would not work: ${d.problems}`,
    next: 'Mend what is named; "countersign policy lint FILE" checks it before it is applied.',
  }),
};

export type DenialCode = keyof typeof TEXTS;

/** A decision against a request. The code is stable, the message is for people. */
export interface Denial {
  readonly code: DenialCode;
  /** `[Code] what and why. Next: what to do.` */
  readonly message: string;
}

export const DENIAL_CODES = Object.keys(TEXTS) as readonly DenialCode[];

/** Makes the denial of a case. */
export function deny<Code extends DenialCode>(code: Code, particulars: Parameters<(typeof TEXTS)[Code]>[0]): Denial {
  const { because, next } = (TEXTS[code] as (d: typeof particulars) => Text)(particulars);
  return { code, message: `[${code}] ${because}. Next: ${next}` };
}

const MAX_QUOTED = 120;

/**
 * Quotes a string that a stranger chose, so that it can neither fill the message nor carry terminal escapes or
 * look-alike letters into it.
 */
export function quote(text: string): string {
  const shown = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
  const escaped = JSON.stringify(shown).replace(/[^\x20-\x7e…]/gu, (character) => `\\u{${codePoint(character)}}`);
  return escaped;
}

function codePoint(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}

function lower(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
