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
  | 'KeysInvalid';

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
