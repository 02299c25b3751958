import { afterAll, beforeAll } from 'vitest';
import { BUILT_IN_CARRIERS, WORKLOAD_KINDS } from '../../../../src/lineage/kinds.ts';
import { renderManifests } from '../../../../src/manifests/render.ts';
import { LABEL } from '../../../../src/names.ts';
import type { GovernedOptions } from '../../admission/support/countersign.ts';
import type { Person } from '../../admission/support/person.ts';
import { type Scene, useScene } from '../../attribution/support/scene.ts';
import type { TestCluster } from '../../fixture.ts';
import { outsiders } from '../../policies/support/workloads.ts';
import { until } from '../../until.ts';

export const EVE = 'eve@acme.com';
export const MALLORY = 'mallory@acme.com';

/** Where controllers and platforms live that the policies of these tests name: nobody edits there. */
export const PLATFORM = 'attacks-platform';
const account = (name: string): string => `system:serviceaccount:${PLATFORM}:${name}`;
export const BOT = account('bot');

const SPEC = {
  delegators: [{ name: 'bot', match: { username: BOT }, operators: ['[a-z]+@acme\\.com'] }],
  carriers: ['agent-sandbox', 'jobset', 'sympozium'].map((preset) => ({
    name: preset,
    preset,
    username: account(preset),
  })),
};

const ADMISSION_POLICIES = renderManifests(['admission-policies'], {
  kinds: WORKLOAD_KINDS,
  carriers: BUILT_IN_CARRIERS,
});

/** As a SubjectAccessReview names them. */
interface Attributes {
  readonly namespace: string;
  readonly verb: string;
  readonly resource: string;
  readonly group?: string;
  readonly subresource?: string;
}

/** Who may edit may write the kinds of other projects too, as their installations have it; their status they may not. */
const EDIT_OUTSIDERS = JSON.stringify({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'attacks-edit-outsiders', labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } },
  rules: WORKLOAD_KINDS.filter(({ group }) => group.includes('.')).map(({ group, resource }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: ['*'],
  })),
});

/**
 * Countersign as it is installed, webhooks and admission policies together, and two who attack: Eve, who has the
 * built-in role `edit` like everybody, and Mallory, who may do everything in the namespace that a Role can give, also
 * write `*\/status`, `pods/binding` and ControllerRevisions.
 */
export class Arena {
  readonly scene: Scene;
  #attackers: { eve: Person; mallory: Person } | undefined;

  constructor(scene: Scene) {
    this.scene = scene;
  }

  async open(): Promise<void> {
    const { countersign } = this.scene;
    await outsiders.install(countersign.cluster);
    await kubectlAsAdmin(countersign.cluster, ['apply', '-f', '-'], ADMISSION_POLICIES);
    await kubectlAsAdmin(countersign.cluster, ['apply', '-f', '-'], EDIT_OUTSIDERS);
    const [eve, mallory] = await Promise.all([countersign.person(EVE), countersign.person(MALLORY)]);
    this.#attackers = { eve, mallory };
    const probe = await this.governed();
    await until('the admission policies are active', async () => {
      // Not even the administrator changes it in this way.
      const change = { metadata: { labels: { [LABEL.policy]: null } } };
      const path = `/api/v1/namespaces/${probe}/status?dryRun=All`;
      return (await countersign.admin.call('PATCH', path, { body: change })).status === 403;
    });
  }

  async close(): Promise<void> {
    const { cluster } = this.scene.countersign;
    await kubectlAsAdmin(cluster, ['delete', '--ignore-not-found', '-f', '-'], ADMISSION_POLICIES);
    await kubectlAsAdmin(cluster, ['delete', '--ignore-not-found', '-f', '-'], EDIT_OUTSIDERS);
    await outsiders.remove(cluster);
  }

  get eve(): Person {
    return this.#known.eve;
  }

  get mallory(): Person {
    return this.#known.mallory;
  }

  /** A namespace under the policy, which is Mallory's own as far as RBAC goes. */
  async governed(options: GovernedOptions = {}): Promise<string> {
    const namespace = await this.scene.governed(options);
    await this.giveToMallory(namespace);
    return namespace;
  }

  async giveToMallory(namespace: string): Promise<void> {
    const { admin } = this.scene.countersign;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const rules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];
    await admin.call('POST', `${rbac}/roles`, { body: { metadata: { name: 'owner' }, rules } });
    await admin.call('POST', `${rbac}/rolebindings`, {
      body: {
        metadata: { name: 'owner' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'owner' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: MALLORY }],
      },
    });
    await this.untilMay(MALLORY, { namespace, verb: 'update', resource: 'pods', subresource: 'status' });
    await this.untilMay(EVE, { namespace, verb: 'create', group: 'sympozium.ai', resource: 'agentruns' });
  }

  /** The authorizer learns of roles and bindings from a watch. */
  private async untilMay(user: string, resourceAttributes: Attributes): Promise<void> {
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const body = { spec: { user, groups: ['system:authenticated'], resourceAttributes } };
    await until(`${user} may ${resourceAttributes.verb} ${resourceAttributes.resource}`, async () => {
      const { admin } = this.scene.countersign;
      const answer = await admin.call<{ status?: { allowed?: boolean } }>('POST', path, { body });
      return answer.body.status?.allowed === true;
    });
  }

  get #known(): { eve: Person; mallory: Person } {
    if (this.#attackers === undefined) throw new Error('the arena is not open yet');
    return this.#attackers;
  }
}

/** The arena for the tests of one `describe`. @param spec what its policy says besides, or instead */
export function useArena(cluster: TestCluster, spec: object = {}): Arena {
  const arena = new Arena(useScene(cluster, { ...SPEC, ...spec }));
  beforeAll(() => arena.open());
  afterAll(() => arena.close());
  return arena;
}

async function kubectlAsAdmin(cluster: TestCluster, args: readonly string[], stdin: string): Promise<void> {
  const { status, stderr } = await cluster.kubectl(args, { stdin });
  if (status !== 0) throw new Error(stderr);
}
