import { type Countersign, STAFF } from '../../cluster/admission/support/countersign.ts';
import type { Person } from '../../cluster/admission/support/person.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import type { JsonWebKey, Provider } from '../../session/sts/account.ts';
import { BASE_ROLE, exampleAccount, REGION, SESSION_ROLE } from '../../session/sts/example.ts';
import { startSts, type Sts, type StsOptions } from '../../session/sts/stand-in.ts';
import type { TestNode } from '../fixture.ts';
import { Pods } from './pods.ts';

export const OPERATOR = 'alice@acme.com';

export interface SessionNamespaceOptions {
  /** What of the policy's `session` is not as usual. */
  readonly session?: object;
  /** `restricted` when not given. */
  readonly podSecurity?: string;
  readonly sts?: Partial<StsOptions>;
}

/** A governed namespace whose pods have their sessions from a stand-in for AWS of its own. */
export class SessionNamespace implements AsyncDisposable {
  readonly name: string;
  readonly sts: Sts;
  readonly alice: Person;
  /** Alice's: what she does with kubectl, and sees. */
  readonly pods: Pods;

  private constructor(cluster: Cluster, name: string, sts: Sts, alice: Person) {
    this.name = name;
    this.sts = sts;
    this.alice = alice;
    this.pods = new Pods(cluster, name, alice.kubeconfig);
  }

  static async create(
    { cluster, node }: TestNode,
    countersign: Countersign,
    { session = {}, podSecurity = 'restricted', sts: stsOptions = {} }: SessionNamespaceOptions = {},
  ): Promise<SessionNamespace> {
    const policy = countersign.newName();
    const name = await countersign.governedNamespace(policy, { podSecurity });
    const account = exampleAccount(providerOf(cluster), `system:serviceaccount:${name}:default`);
    const { address } = node.machine;
    const sts = await startSts({ account, host: address, authority: node.authority, ...stsOptions });
    const usual = { identity: 'irsa', baseRole: BASE_ROLE, region: REGION, stsEndpoint: sts.url };
    const spec = { operators: [STAFF], session: { ...usual, roles: [{ arn: SESSION_ROLE }], ...session } };
    await countersign.newPolicy(spec, policy);
    return new SessionNamespace(cluster, name, sts, await countersign.person(OPERATOR));
  }

  /** In whose name these calls were made, by the records that CloudTrail would have. */
  operatorsOf(call: string): readonly unknown[] {
    const records = this.sts.records.all.filter((record) => record.eventName === call);
    return records.map(({ userIdentity }) => {
      const { sessionContext } = userIdentity as { sessionContext?: { sourceIdentity?: unknown } };
      return sessionContext?.sourceIdentity;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sts.stop();
  }
}

/** The cluster as an account's identity provider: its keys are those that its API server publishes. */
function providerOf(cluster: Cluster): Provider {
  return {
    issuer: 'https://kubernetes.default.svc',
    audiences: ['sts.amazonaws.com'],
    keys: async () => {
      const { stdout } = await cluster.kubectl(['get', '--raw', '/openid/v1/jwks']);
      return (JSON.parse(stdout) as { keys: JsonWebKey[] }).keys;
    },
  };
}
