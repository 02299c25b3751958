import type { Policy } from '../policy/compile.ts';

/** How strictly a namespace is governed. */
export type Mode = 'enforce' | 'warn' | 'audit';

/** What governs a namespace. */
export type Governance =
  | { readonly kind: 'ungoverned' }
  | {
      readonly kind: 'governed';
      readonly mode: Mode;
      readonly policy: Policy;
      /** The enforced Pod Security level; undefined where namespaces are not looked at (a policy from a file). */
      readonly podSecurity: string | undefined;
      /** Since when, as the namespace's annotation says, byte for byte; undefined where it says nothing. */
      readonly since?: string | undefined;
      readonly notice?: string | undefined;
    }
  | { readonly kind: 'missing'; readonly mode: Mode; readonly policyName: string }
  | { readonly kind: 'broken'; readonly mode: Mode; readonly policyName: string; readonly problem: string }
  | { readonly kind: 'unknown'; readonly problem: string };

/** Where the webhook learns what governs a namespace. */
export interface GovernanceSource {
  /**
   * Answers before `deadline` (milliseconds since the epoch) and never rejects: what cannot be found out in time is
   * `unknown`, which is refused.
   *
   * @param enforced whether the API server took the namespace for one in `enforce`: what was found out earlier does not
   * count against that
   */
  governanceOf(namespace: string, deadline: number, enforced: boolean): Governance | Promise<Governance>;
  /** Whether it has what it needs to answer; the reason if not. */
  readonly notReady: string | undefined;
}

const MODES: ReadonlySet<string> = new Set(['enforce', 'warn', 'audit']);

/** Reads the mode label. A value that is none is taken as the strictest, with a notice for the admin. */
export function readMode(label: string | undefined): { mode: Mode; notice?: string } {
  if (label === undefined || label === '') return { mode: 'enforce' };
  if (MODES.has(label)) return { mode: label as Mode };
  return {
    mode: 'enforce',
    notice: `the namespace's label countersign.dev/mode is none of enforce, warn, audit; enforcing`,
  };
}
