import { beforeAll, describe, expect, it } from 'vitest';
import { LABEL, OBJECT } from '../../../src/names.ts';
import type { Api, Call } from '../admission/support/api.ts';
import type { Person } from '../admission/support/person.ts';
import { APP } from '../admission/support/pods.ts';
import { installSurroundings } from '../admission/support/registration.ts';
import { connect } from '../fixture.ts';
import { until } from '../until.ts';
import { expectDone, expectRefused } from './support/answers.ts';
import { grant, revoke } from './support/rights.ts';
import { useAdmissionPolicies } from './support/use.ts';

const cluster = connect();
/** As session containers send it, and as sessions with a grant of their own will. */
const SESSIONS_OF_OLGA = [
  { 'impersonate-user': 'olga@acme.com', 'impersonate-extra-countersign.dev%2Fsession': 'a-pod' },
  {
    'impersonate-user': 'olga@acme.com',
    'impersonate-group': ['system:authenticated', 'countersign.dev:session:a-pod'],
  },
];
const TOKEN_SECRET = 'kubernetes.io/service-account-token';

describe.skipIf(cluster.unavailable)('tokens of service accounts', () => {
  const away = useAdmissionPolicies(cluster);
  let enforced: string;
  let warned: string;
  let audited: string;
  let free: string;
  /** Has the built-in role `edit` in all of them, like everybody. */
  let eve: Person;

  beforeAll(async () => {
    enforced = await away.governedNamespace('any');
    warned = await away.governedNamespace('any', { mode: 'warn' });
    audited = await away.governedNamespace('any', { mode: 'audit' });
    free = await away.namespace();
    eve = await away.person('eve@acme.com');
  });

  function requestToken(api: Api, namespace: string, spec: object = {}, headers: Call['headers'] = {}) {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    return api.call('POST', path, { body, headers });
  }

  function createSecret(api: Api, namespace: string, type: string, name = 'of-default') {
    const annotations = { 'kubernetes.io/service-account.name': 'default' };
    const body = { metadata: { name, annotations }, type };
    return api.call('POST', `/api/v1/namespaces/${namespace}/secrets`, { body });
  }

  it('are not minted by an editor, for AWS or anything else', async () => {
    expectRefused(await requestToken(eve.api, enforced), 'TokenRequested');
    const audiences = ['sts.amazonaws.com'];
    expectRefused(
      await requestToken(eve.api, enforced, { audiences, expirationSeconds: 31_536_000 }),
      'TokenRequested',
    );
  });

  it('are minted for kubectl with a refusal that says what to do', async () => {
    const { status, stderr } = await eve.kubectl(['create', 'token', 'default', '-n', enforced]);
    expect(status).toBe(1);
    expect(stderr).toContain("ValidatingAdmissionPolicy 'tokens.countersign.dev'");
    expect(stderr).toContain('[TokenRequested]');
    expect(stderr).toContain('Next: Use your own credentials');
  });

  it('are minted in mode warn, with a warning', async () => {
    const { status, warnings } = await requestToken(eve.api, warned);
    expect(status).toBe(201);
    expect(warnings.join()).toContain('[TokenRequested]');
  });

  it('are minted in mode audit without a word, and the audit log says so', async () => {
    expectDone(await requestToken(eve.api, audited));
    const filter = { resource: 'serviceaccounts', verb: 'create', namespace: audited, user: 'eve@acme.com' };
    const [event] = await cluster.untilAudited(filter);
    const [failure] = JSON.parse(event?.annotations?.['validation.policy.admission.k8s.io/validation_failure'] ?? '[]');
    expect(failure).toMatchObject({
      message: expect.stringContaining('[TokenRequested]'),
      policy: 'tokens.countersign.dev',
    });
  });

  it('are minted where nothing is governed, and when governance ends', async () => {
    expectDone(await requestToken(eve.api, free));
    const short = await away.governedNamespace('any');
    expectRefused(await requestToken(eve.api, short), 'TokenRequested');
    await away.label(short, { [LABEL.policy]: null });
    await until('the API server knows', async () => (await requestToken(eve.api, short)).status === 201);
  });

  it('are minted in an unknown mode as little as in enforce', async () => {
    const misspelt = await away.governedNamespace('any', { mode: 'Audit' });
    expectRefused(await requestToken(eve.api, misspelt), 'TokenRequested');
  });

  it('are minted by whoever has the verb, as long as they have it', async () => {
    const olga = await away.person('olga@acme.com');
    expectRefused(await requestToken(olga.api, enforced), 'TokenRequested');
    const rights = { apiGroups: ['countersign.dev'], resources: ['attributionpolicies'], verbs: ['mint-tokens'] };
    const role = await grant(away, 'olga@acme.com', [rights]);
    expectDone(await requestToken(olga.api, enforced));
    // Her agents act under her name, and the verb is bound to that.
    for (const session of SESSIONS_OF_OLGA) {
      expectRefused(await requestToken(away.admin, enforced, {}, session), 'TokenRequested');
    }
    await revoke(away, role);
    await until('the right is gone', async () => (await requestToken(olga.api, enforced)).status === 403);
  });

  it('are minted by a node for a pod that runs there', async () => {
    const nodes = await away.admin.call('POST', '/api/v1/nodes', { body: { metadata: { name: 'minting' } } });
    expect([201, 409]).toContain(nodes.status);
    const body = { metadata: { generateName: 'app-' }, spec: { nodeName: 'minting', containers: [APP] } };
    const pod = await away.admin.createPod(enforced, body);
    const node = await away.person('system:node:minting', ['system:nodes']);
    const { name, uid } = pod.metadata ?? {};
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid };
    const audiences = ['https://kubernetes.default.svc'];
    const answer = await until('the authorizer knows of the pod', async () => {
      const got = await requestToken(node.api, enforced, { audiences, boundObjectRef });
      return !got.body.message?.includes('no relationship found') && got;
    });
    expectDone(answer);
    await away.admin.call('DELETE', '/api/v1/nodes/minting');
  });

  it('are not minted by somebody whose name merely looks like a node’s', async () => {
    const looks = await away.person('system:node:looks');
    expectRefused(await requestToken(looks.api, enforced), 'TokenRequested');
  });

  it('are minted by Countersign', async () => {
    await installSurroundings(cluster);
    const own = await away.serviceAccount(OBJECT.namespace, OBJECT.webhook);
    expectDone(await requestToken(own.api, enforced));
    const namesake = await away.serviceAccount(enforced, OBJECT.webhook);
    expectRefused(await requestToken(namesake.api, enforced), 'TokenRequested');
  });

  describe('in a Secret', () => {
    it('are not asked for by an editor', async () => {
      expectRefused(await createSecret(eve.api, enforced, TOKEN_SECRET), 'TokenSecretWritten');
    });

    it('are asked for where nothing is governed', async () => {
      expectDone(await createSecret(eve.api, free, TOKEN_SECRET));
    });

    it('are no matter for other Secrets', async () => {
      expectDone(await createSecret(eve.api, enforced, 'Opaque', 'own'));
      const change = { body: { stringData: { a: 'b' } } };
      expectDone(await eve.api.call('PATCH', `/api/v1/namespaces/${enforced}/secrets/own`, change));
    });

    it('reach a Secret of whoever has the verb, and nobody else turns it to another account', async () => {
      expectDone(await createSecret(away.admin, enforced, TOKEN_SECRET, 'of-an-admin'));
      const path = `/api/v1/namespaces/${enforced}/secrets/of-an-admin`;
      await until('the controller has filled it', async () => {
        const { body } = await away.admin.call<{ data?: Record<string, string> }>('GET', path);
        return body.data?.['token'] !== undefined;
      });
      const annotations = { 'kubernetes.io/service-account.name': 'another' };
      expectRefused(await eve.api.call('PATCH', path, { body: { metadata: { annotations } } }), 'TokenSecretWritten');
    });
  });
});
