import type { V1Pod } from '@kubernetes/client-node';
import { LABEL } from '../../../../src/names.ts';
import type { AuditEvent } from '../../audit.ts';
import type { TestCluster } from '../../fixture.ts';
import { until } from '../../until.ts';
import type { Api } from './api.ts';
import { Person } from './person.ts';
import { installSurroundings, registerWebhooks, unregisterWebhooks, untilRegistered } from './registration.ts';
import { type WebhookOptions, WebhookProcess } from './webhook-process.ts';

const POLICIES = '/apis/countersign.dev/v1alpha1/attributionpolicies';

export const ROLE = 'arn:aws:iam::111122223333:role/agent';
export const BASE_ROLE = 'arn:aws:iam::111122223333:role/countersign-base';

/** A session as most tests want it. */
export const SESSION = {
  identity: 'irsa',
  baseRole: BASE_ROLE,
  region: 'eu-central-1',
  roles: [{ arn: ROLE }],
} as const;

/** Everybody with a certificate for a name at acme.com. */
export const STAFF = { name: 'staff', match: { username: '([a-z.]+@acme\\.com)' } } as const;

export interface GovernedOptions {
  readonly mode?: string;
  /** Baseline when not given. */
  readonly podSecurity?: string;
}

/** A cluster in which Countersign runs as a process. */
export class Countersign {
  readonly cluster: TestCluster;
  #administrator: Person | undefined;
  #process: WebhookProcess | undefined;
  readonly #policies = new Set<string>();
  readonly #namespaces: string[] = [];
  #count = 0;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  /** The cluster's administrator, who may impersonate anybody. */
  get administrator(): Person {
    this.#administrator ??= new Person(this.cluster, this.cluster.adminKubeconfig);
    return this.#administrator;
  }

  get admin(): Api {
    return this.administrator.api;
  }

  get process(): WebhookProcess {
    if (this.#process === undefined) throw new Error('Countersign has not been started');
    return this.#process;
  }

  async start(options: WebhookOptions = {}): Promise<void> {
    await installSurroundings(this.cluster);
    this.#process = await WebhookProcess.create(this.cluster, options);
    await this.process.start();
    await this.register();
  }

  async stop(): Promise<void> {
    await unregisterWebhooks(this.admin);
    await this.#process?.stop();
    for (const name of this.#policies) await this.deletePolicy(name);
    // A CronJob, or a Job whose pods were refused, would go on asking whoever is started next.
    for (const name of this.#namespaces) await this.admin.call('DELETE', `/api/v1/namespaces/${name}`);
  }

  unregister(): Promise<void> {
    return unregisterWebhooks(this.admin);
  }

  /** @param port where the API server asks: the webhook itself, unless said otherwise */
  async register(port: number = this.process.port): Promise<void> {
    await unregisterWebhooks(this.admin);
    const probe = await this.cluster.newNamespace({ [LABEL.policy]: 'no-such-policy' });
    await registerWebhooks(this.cluster, this.admin, port, this.process.secret);
    await untilRegistered(this.admin, probe);
  }

  /** Creates a policy and returns its name, which is new: the webhook knows it at once, as it must read it. */
  async newPolicy(spec: object, name: string = this.newName()): Promise<string> {
    const { status, body } = await this.admin.call('POST', POLICIES, { body: policy(name, spec) });
    if (status !== 201) throw new Error(`policy ${name}: ${body.message}`);
    this.#policies.add(name);
    return name;
  }

  newName(): string {
    this.#count += 1;
    return `test-${process.pid}-${this.#count}`;
  }

  /** Puts another spec in the place of a policy's. */
  async changePolicy(name: string, spec: object): Promise<void> {
    const { status, body } = await this.admin.call('PATCH', `${POLICIES}/${name}`, { body: { spec } });
    if (status !== 200) throw new Error(`policy ${name}: ${body.message}`);
  }

  async deletePolicy(name: string): Promise<void> {
    const { status, body } = await this.admin.call('DELETE', `${POLICIES}/${name}`);
    if (status !== 200 && status !== 404) throw new Error(`policy ${name}: ${body.message}`);
    this.#policies.delete(name);
  }

  /** A namespace under a policy, in which everybody who is somebody has the `edit` role. */
  async governedNamespace(
    policyName: string,
    { mode, podSecurity = 'baseline' }: GovernedOptions = {},
  ): Promise<string> {
    return this.namespace({
      [LABEL.policy]: policyName,
      ...(mode !== undefined && { [LABEL.mode]: mode }),
      ...(podSecurity !== '' && { [LABEL.podSecurityEnforce]: podSecurity }),
    });
  }

  async namespace(labels: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = await this.cluster.newNamespace(labels);
    this.#namespaces.push(name);
    await this.letEdit(name);
    return name;
  }

  async letEdit(namespace: string): Promise<void> {
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
    const group = (name: string) => ({ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name });
    const { status, body } = await this.admin.call('POST', path, {
      body: {
        metadata: { name: 'everybody-edits' },
        roleRef: { kind: 'ClusterRole', apiGroup: 'rbac.authorization.k8s.io', name: 'edit' },
        subjects: [group('system:authenticated'), group('system:unauthenticated')],
      },
    });
    if (status !== 201 && status !== 409) throw new Error(`${path}: ${body.message}`);
    // The authorizer learns of the binding from a watch.
    const resourceAttributes = { namespace, verb: 'create', resource: 'pods' };
    const review = { spec: { user: 'somebody', groups: ['system:authenticated'], resourceAttributes } };
    await until(`people may create pods in ${namespace}`, async () => {
      const reviews = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      const answer = await this.admin.call<{ status?: { allowed?: boolean } }>('POST', reviews, { body: review });
      return answer.body.status?.allowed === true;
    });
  }

  /** What the audit log has about the creation of a stored pod. */
  creationOf(pod: V1Pod): Promise<AuditEvent> {
    const { namespace = '', uid = '' } = pod.metadata ?? {};
    return until(`the creation of pod ${uid} is in the audit log`, () =>
      this.cluster.auditEvents({ resource: 'pods', verb: 'create', namespace, code: 201 }).find((event) => {
        const stored = event.responseObject as V1Pod | undefined;
        return stored?.metadata?.uid === uid;
      }),
    );
  }

  /** Sets labels of a namespace; `null` takes one away. */
  async label(namespace: string, labels: Readonly<Record<string, string | null>>): Promise<void> {
    const { status, body } = await this.admin.call('PATCH', `/api/v1/namespaces/${namespace}`, {
      body: { metadata: { labels } },
    });
    if (status !== 200) throw new Error(`namespace ${namespace}: ${body.message}`);
  }

  /** Somebody with a client certificate. */
  async person(user: string, groups: readonly string[] = []): Promise<Person> {
    return new Person(this.cluster, await this.cluster.userKubeconfig(user, groups));
  }

  /** Makes a service account where there is none; who uses its token counts as a person here. */
  async serviceAccount(namespace: string, name: string): Promise<Person> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const { status, body } = await this.admin.call('POST', path, { body: { metadata: { name } } });
    if (status !== 201 && status !== 409) throw new Error(`${path}/${name}: ${body.message}`);
    return new Person(this.cluster, await this.cluster.serviceAccountKubeconfig(namespace, name));
  }
}

export function policy(name: string, spec: object): object {
  return {
    apiVersion: 'countersign.dev/v1alpha1',
    kind: 'AttributionPolicy',
    metadata: { name },
    spec: { session: SESSION, ...spec },
  };
}
