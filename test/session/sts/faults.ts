/** What goes wrong instead of the answer; with an action, only for calls of that action. */
export type StsFault = {
  readonly action?: string;
} & (
  | { readonly kind: 'error'; readonly status: number; readonly code: string; readonly message?: string }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'drop' }
  /** Answers, but only after this many milliseconds. */
  | { readonly kind: 'late'; readonly milliseconds: number }
  /** Answers with something else than what is true. */
  | { readonly kind: 'altered'; readonly alter: (body: string) => string }
);

/** What AWS answers when it is asked too often. */
export const THROTTLED = { kind: 'error', status: 400, code: 'Throttling', message: 'Rate exceeded' } as const;
export const INTERNAL = { kind: 'error', status: 500, code: 'InternalFailure' } as const;
export const UNAVAILABLE = { kind: 'error', status: 503, code: 'ServiceUnavailable' } as const;
/** STS could not ask the identity provider for its keys. */
export const IDP_UNREACHABLE = { kind: 'error', status: 400, code: 'IDPCommunicationError' } as const;

/** The answer to AssumeRole names somebody else, as a broken or a false STS might. */
export function anotherSourceIdentity(name: string): StsFault {
  return {
    action: 'AssumeRole',
    kind: 'altered',
    alter: (body) => body.replace(/<SourceIdentity>[^<]*</, `<SourceIdentity>${name}<`),
  };
}

/** By which a test commands what goes wrong. */
export class Faults {
  #next: StsFault[] = [];
  #always: StsFault | undefined;

  /** For the next calls, one each, in this order. */
  next(...faults: readonly StsFault[]): void {
    this.#next.push(...faults);
  }

  /** For every call from now on, until told otherwise. */
  always(fault: StsFault | undefined): void {
    this.#always = fault;
  }

  /** What goes wrong with this call. */
  take(action: string): StsFault | undefined {
    const meant = (fault: StsFault) => fault.action === undefined || fault.action === action;
    const index = this.#next.findIndex(meant);
    if (index >= 0) return this.#next.splice(index, 1)[0];
    return this.#always !== undefined && meant(this.#always) ? this.#always : undefined;
  }
}
