/**
 * What the admission policies say when they refuse: the same form as denials, `[Code] why. Next: what to do.`, and
 * codes that are as stable. `docs/denials.md` explains each; a test keeps the two together.
 */

interface Text {
  readonly because: string;
  readonly next: string;
}

const TEXTS = {
  KeyChanged: {
    because:
      'annotations under countersign.dev/ say in whose name this runs, and updates of pods and writes to subresources may not change them',
    next: 'Leave them as they are. To change who answers for a workload, update the workload itself as yourself.',
  },
  OwnerChanged: {
    because:
      'the owner references of this object lead to the human behind it, and only the controllers that set them may change them',
    next: 'Leave ownerReferences as they are. Controllers adopt and release objects by their labels.',
  },
  TokenRequested: {
    because:
      'a token of a service account carries the name of no human, and here only nodes and Countersign may have them made',
    next: 'Use your own credentials; a cluster admin may grant the verb mint-tokens on attributionpolicies.countersign.dev.',
  },
  TokenSecretWritten: {
    because: 'a Secret of this type holds a service account token that never ends and carries the name of no human',
    next: 'Use your own credentials; a cluster admin may grant the verb mint-tokens on attributionpolicies.countersign.dev.',
  },
  ImageChanged: {
    because: 'the image of a running container is part of what its operator answers for, and stays as it was admitted',
    next: 'Create the pod anew with the other image, or change the workload that makes it.',
  },
  SessionAccountNamed: {
    because: 'service accounts whose name begins with fab- are those of running sessions, and no pod may take one',
    next: 'Name another service account in spec.serviceAccountName.',
  },
  SessionObjectWritten: {
    because:
      'objects whose name begins with fab- give a running session its rights, and only Countersign makes, changes and deletes them',
    next: 'Use another name. A session ends, and its objects with it, when its pod is deleted.',
  },
  GovernanceChanged: {
    because:
      'which policy governs a namespace, since when and how strictly (countersign.dev/policy, /governed-since, /mode) is changed only by an update of the namespace by whoever may govern',
    next: 'Leave them as they are, or ask a cluster admin for the verb govern on attributionpolicies.countersign.dev.',
  },
  PodSecurityLowered: {
    because:
      'the Pod Security level of a governed namespace keeps others out of its sessions, and is lowered only by an update of the namespace by whoever may govern',
    next: 'Leave pod-security.kubernetes.io/enforce and enforce-version as they are, or ask a cluster admin for the verb govern on attributionpolicies.countersign.dev.',
  },
} as const satisfies Readonly<Record<string, Text>>;

export type RefusalCode = keyof typeof TEXTS;

export const REFUSAL_CODES = Object.keys(TEXTS) as readonly RefusalCode[];

/** `[Code] what and why. Next: what to do.` */
export function refusalOf(code: RefusalCode): string {
  const { because, next } = TEXTS[code];
  return `[${code}] ${because}. Next: ${next}`;
}
