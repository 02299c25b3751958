import type { V1OwnerReference, V1Pod, V1ReplicaSet } from '@kubernetes/client-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { ANNOTATION } from '../../../src/names.ts';
import { APP } from '../admission/support/pods.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { useAdmissionPolicies } from './support/use.ts';

const cluster = connect();
const STAMPED = { [ANNOTATION.stamp]: 'a.b.c' };

/** Real controllers move objects with a stamp from owner to owner, and are not hindered. */
describe.skipIf(cluster.unavailable)('controllers', () => {
  const away = useAdmissionPolicies(cluster);
  let namespace: string;

  beforeAll(async () => {
    namespace = await away.governedNamespace('any');
    await makeDeployment();
  });

  async function makeDeployment(): Promise<void> {
    const labels = { app: 'one' };
    // The stamp on the template reaches the pods, as there is no Countersign that would put one on each.
    const template = { metadata: { labels, annotations: STAMPED }, spec: { containers: [APP] } };
    const body = {
      metadata: { name: 'one', annotations: STAMPED },
      spec: { selector: { matchLabels: labels }, template },
    };
    const { status } = await away.admin.call('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, { body });
    expect(status).toBe(201);
  }

  interface Owned {
    readonly metadata?: { readonly ownerReferences?: readonly V1OwnerReference[] };
  }

  async function all<Kind extends Owned>(path: string): Promise<readonly Kind[]> {
    return (await away.admin.call<{ items: readonly Kind[] }>('GET', path)).body.items;
  }

  const replicaSets = () => all<V1ReplicaSet>(`/apis/apps/v1/namespaces/${namespace}/replicasets`);
  const pods = () => all<V1Pod>(`/api/v1/namespaces/${namespace}/pods`);
  const owners = ({ metadata }: Owned): readonly string[] => (metadata?.ownerReferences ?? []).map(({ kind }) => kind);

  /** The one object there is, once it is owned in this way. */
  function owned<Kind extends Owned>(list: () => Promise<readonly Kind[]>, by: readonly string[]): Promise<Kind> {
    return until(`it is owned by ${by.join() || 'nobody'}`, async () => {
      const [one, ...others] = await list();
      return one !== undefined && others.length === 0 && owners(one).join() === by.join() && one;
    });
  }

  it('orphan a ReplicaSet with a stamp, and adopt it', async () => {
    const first = await owned(replicaSets, ['Deployment']);
    expect(first.metadata?.annotations).toMatchObject(STAMPED);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/one`;
    expect((await away.admin.call('DELETE', `${path}?propagationPolicy=Orphan`)).status).toBe(200);
    await until('the Deployment is gone', async () => (await away.admin.call('GET', path)).status === 404);
    const orphan = await owned(replicaSets, []);
    await makeDeployment();
    const adopted = await owned(replicaSets, ['Deployment']);
    expect([orphan, adopted].map(({ metadata }) => metadata?.uid)).toEqual([first.metadata?.uid, first.metadata?.uid]);
  });

  it('release a pod with a stamp, and adopt it', async () => {
    const pod = await owned(pods, ['ReplicaSet']);
    expect(pod.metadata?.annotations).toMatchObject(STAMPED);
    const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata?.name}`;
    const label = (app: string) => away.admin.call('PATCH', path, { body: { metadata: { labels: { app } } } });
    const same = async () => (await pods()).filter(({ metadata }) => metadata?.uid === pod.metadata?.uid);
    expect((await label('other')).status).toBe(200);
    await owned(same, []);
    // Its substitute goes first. The ReplicaSet takes it back before it sees that it is one too many.
    await away.admin.call('PATCH', `/apis/apps/v1/namespaces/${namespace}/deployments/one`, {
      body: { spec: { replicas: 0 } },
    });
    await until('the substitute is gone', async () => (await pods()).length === 1);
    expect((await label('one')).status).toBe(200);
    const events = { resource: 'pods', verb: 'patch', namespace, code: 200 } as const;
    const user = 'system:serviceaccount:kube-system:replicaset-controller';
    const [released, adopted] = await cluster.untilAudited({ ...events, user }, 2);
    expect(JSON.stringify(released?.requestObject)).toContain('"$patch":"delete"');
    expect(JSON.stringify(adopted?.requestObject)).toContain('"controller":true');
  });
});
