import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCENARIO } from '../../session/kubernetes/scenario.ts';
import { connect } from '../fixture.ts';
import { Agent, kubectlProgram, OPERATOR, whyNoMounts } from './support/agent.ts';

const cluster = connect();
const noMounts = await whyNoMounts();

/** The session program itself, between an unchanged kubectl and a real API server. */
describe.skipIf(cluster.unavailable).each(['pod', 'session'] as const)(
  'kubectl in a session (identity: %s)',
  (identity) => {
    let agent: Agent;
    beforeAll(async () => {
      agent = await Agent.start(cluster, identity);
    });
    afterAll(() => agent[Symbol.asyncDispose]());

    const STEPS = ['apply', 'apply again', 'apply, server side', 'diff', 'list', 'patch', 'watch', 'delete', 'create'];

    it.for([
      ['the kubeconfig', false],
      ['in-cluster configuration', true],
    ] as const)('by %s: reads, watches, applies and deletes as the operator', async ([_, inCluster], { skip }) => {
      skip(inCluster && noMounts !== '', noMounts);
      const env = { KUBECTL: kubectlProgram(), OPERATOR };
      const { stdout, stderr, status } = await agent.run(SCENARIO, ['objects'], { inCluster, env });
      expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
      expect(stdout.trim().split('\n')).toEqual([...STEPS, 'whoami'].map((step) => `ok ${step}`));
    });

    it('tells whoever asks who they are', async () => {
      const { stdout } = await agent.kubectl(['auth', 'whoami', '-o', 'json']);
      const { status } = JSON.parse(stdout) as { status: { userInfo: object } };
      expect(status.userInfo).toEqual({
        username: OPERATOR,
        groups: [
          ...(identity === 'session' ? [`countersign.dev:session:${agent.sessionId}`] : []),
          'system:authenticated',
        ],
        extra: { 'countersign.dev/session': [agent.sessionId] },
      });
    });

    it.each([
      [['--as', 'bob'], 'Impersonate-User'],
      [['--as', 'bob', '--as-group', 'system:masters'], 'Impersonate-Group, Impersonate-User'],
      [['--as', 'bob', '--as-uid', '1'], 'Impersonate-Uid, Impersonate-User'],
      [['--as', 'bob', '--as-user-extra', 'countersign.dev/session=other'], 'Impersonate-Extra-*, Impersonate-User'],
    ])('%j is dropped, and kubectl says so', async (args, names) => {
      const { status, stdout, stderr } = await agent.kubectl([...args, 'auth', 'whoami', '-o', 'json']);
      expect(status).toBe(0);
      expect(stdout).not.toMatch(/bob|masters|other/);
      expect(stderr).toBe(`Warning: ${names} dropped: this session acts as ${OPERATOR}\n`);
    });

    it('with another token in the kubeconfig: refused here, in words', async () => {
      const { status, stderr } = await agent.kubectl(['--token', 'mine', 'get', 'pods']);
      expect(status).toBe(1);
      expect(stderr).toMatch(/Unauthorized|lacks this session's local token/);
    });

    it('what the operator may not, the session may not', async () => {
      const { stderr } = await agent.kubectl(['get', 'nodes']);
      expect(stderr).toContain(`User "${OPERATOR}" cannot list resource "nodes"`);
    });

    it('the audit log has account, human and session for every call, and none without a human', async () => {
      await agent.kubectl(['get', 'secrets']);
      const filter = { user: agent.account, resource: 'secrets', impersonated: OPERATOR };
      await cluster.untilAudited(filter);
      const events = cluster.auditEvents({ user: agent.account });
      for (const { impersonatedUser } of events) {
        expect(impersonatedUser).toEqual({
          username: OPERATOR,
          groups: [
            ...(identity === 'session' ? [`countersign.dev:session:${agent.sessionId}`] : []),
            'system:authenticated',
          ],
          extra: { 'countersign.dev/session': [agent.sessionId] },
        });
      }
      expect(cluster.auditEvents({ user: OPERATOR, namespace: agent.namespace })).toEqual([]);
    });
  },
);
