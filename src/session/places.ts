import { PATH, PORT } from '../names.ts';

/** Where the session in a pod keeps its files and listens; tests have places of their own. */
export interface Places {
  /** Everything that the application reads. Read-only in its containers. */
  readonly shared: string;
  /** What a restart of the session container needs: secrets, the CA, credentials. Mounted in it alone. */
  readonly private: string;
  /** Projected tokens, which kubelet renews. */
  readonly tokens: string;
  /** Loopback ports; 0 lets the system choose. */
  readonly awsPort: number;
  readonly kubernetesPort: number;
  /** kubelet shows what stands here in `kubectl describe pod`; undefined outside Kubernetes. */
  readonly terminationLog: string | undefined;
  /** Origins at which instance metadata would answer; undefined for those of EC2. */
  readonly metadata?: readonly string[];
}

/** The places of a session container. */
export const POD_PLACES: Places = {
  shared: PATH.shared,
  private: PATH.private,
  tokens: PATH.tokens,
  awsPort: PORT.awsCredentials,
  kubernetesPort: PORT.kubernetes,
  terminationLog: PATH.terminationLog,
};
