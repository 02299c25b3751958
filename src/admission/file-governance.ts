import type { Policy } from '../policy/compile.ts';
import type { Governance, GovernanceSource } from './governance.ts';

/** One policy, from a file, for every namespace; the labels of namespaces are not looked at. */
export class FileGovernance implements GovernanceSource {
  #governance: Governance | undefined;

  get notReady(): string | undefined {
    return this.#governance === undefined ? 'no policy is loaded' : undefined;
  }

  governanceOf(): Governance {
    return this.#governance ?? { kind: 'unknown', problem: 'no policy is loaded yet' };
  }

  setPolicy(policy: Policy): void {
    this.#governance = { kind: 'governed', mode: 'enforce', policy, podSecurity: undefined, since: 'the start' };
  }

  /** A file that became unusable refuses, as a stored policy does: the one before may be what it was to put an end to. */
  setBroken(policyName: string, problem: string): void {
    this.#governance = { kind: 'broken', mode: 'enforce', policyName, problem };
  }
}
