import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OBJECT } from '../../../src/names.ts';
import { installSurroundings } from '../admission/support/registration.ts';
import { Countersign } from '../admission/support/countersign.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';

const cluster = connect();
const MANIFEST = join(import.meta.dirname, '../../../manifests/base/flow-schema.yaml');
const FLOW_SCHEMAS = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas';

describe.skipIf(cluster.unavailable)('the reads of the webhook', () => {
  const people = new Countersign(cluster);

  beforeAll(async () => {
    await installSurroundings(cluster);
    const { status, stderr } = await cluster.kubectl(['apply', '-f', MANIFEST]);
    if (status !== 0) throw new Error(stderr);
  });
  afterAll(() => cluster.kubectl(['delete', '-f', MANIFEST]));

  /** The uid of the FlowSchema that a service account's requests belong to. */
  async function flowSchemaOf(account: string): Promise<string | undefined> {
    const kubeconfig = await cluster.serviceAccountKubeconfig(OBJECT.namespace, account);
    const { users } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as { users: { user: { token: string } }[] };
    const headers = { authorization: `Bearer ${users[0]?.user.token}` };
    return new Promise((resolve, reject) => {
      const url = new URL('/api/v1/namespaces/default/pods/none', cluster.server);
      const call = request(url, { ca: cluster.ca, headers, agent: false }, (response) => {
        response.resume();
        const uid = response.headers['x-kubernetes-pf-flowschema-uid'];
        resolve(typeof uid === 'string' ? uid : undefined);
      });
      call.on('error', reject);
      call.end();
    });
  }

  const uidOf = async (name: string): Promise<string> =>
    (await people.admin.call<{ metadata: { uid: string } }>('GET', `${FLOW_SCHEMAS}/${name}`)).body.metadata.uid;

  it('stand in a line of their own, and those of its neighbours do not', async () => {
    const own = await uidOf('countersign-webhook');
    await until('the API server goes by the FlowSchema', async () => (await flowSchemaOf(OBJECT.webhook)) === own);
    expect(await flowSchemaOf('countersign-bootstrap')).toBe(await uidOf('service-accounts'));
  });
});
