/**
 * Faults: what went wrong with Countersign's surroundings, as opposed to a denial, which is a decision.
 * Every fault has a stable code, a message that names the next step, and the cause where there is one.
 */

export type FaultCode =
  /** A policy does not fit the schema, or lint calls it an error. */
  | 'PolicyInvalid'
  /** A file that was named cannot be read, or does not hold what it should. */
  | 'FileInvalid'
  /** The command line asks for something that does not go together. */
  | 'UsageInvalid'
  /** The body of a request is not an AdmissionReview that can be answered. */
  | 'ReviewInvalid'
  /** A certificate and its key do not belong together, or are not readable. */
  | 'CertificateInvalid'
  /** No port could be opened. */
  | 'ListenFailed'
  /** `bootstrap` found objects that it cannot repair. */
  | 'BootstrapFailed'
  /** The API server could not be reached, or refused what a command asked of it. */
  | 'ClusterFailed'
  /** The keys that stamps are signed or verified with cannot be used. */
  | 'KeysInvalid'
  /** A session was not told what it needs, or something that cannot be. */
  | 'SessionSettingInvalid'
  /** There are no base credentials: their token is missing, or was refused. */
  | 'BaseIdentityFailed'
  /** AWS does not let the base identity assume the session role in the operator's name. */
  | 'AssumeRoleRefused'
  /** AWS gave credentials that are not in the operator's name. */
  | 'SourceIdentityChanged'
  /** AWS STS did not answer in time, or only with faults. */
  | 'StsUnreachable'
  /** Instance metadata hands role credentials to the pod. */
  | 'InstanceMetadataOpen'
  /** A session's files cannot be written. */
  | 'SessionFilesFailed'
  /** The way to the Kubernetes API cannot be opened. */
  | 'KubernetesAccessFailed';

export class Fault extends Error {
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Fault';
    this.code = code;
  }
}

/** The message of whatever was thrown, for use inside another message. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
