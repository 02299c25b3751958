import { describe, expect, it } from 'vitest';
import { connectNode } from './fixture.ts';
import { app, RESTRICTED } from './support/app.ts';
import { OPERATOR, SessionNamespace } from './support/session-namespace.ts';
import { useCountersign } from './support/use.ts';

const testNode = connectNode();

describe.skipIf(testNode.unavailable)('pods that the webhook admitted', () => {
  const countersign = useCountersign(testNode);

  for (const delivery of ['sidecar', 'files']) {
    it(`complete a Job in the operator's name, under Pod Security restricted, with delivery ${delivery}`, async () => {
      await using space = await SessionNamespace.create(testNode, countersign, { session: { delivery } });
      const containers = [app(testNode.node, ['node', '/probes/whoami.js', space.sts.url])];
      await space.pods.create({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'work' },
        spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', containers } } },
      });
      const waited = await space.pods.kubectl(['wait', '--for=condition=complete', 'job/work', '--timeout=60s']);
      if (waited.status !== 0) throw new Error(await space.pods.describe('--selector=job-name=work'));

      const [pod] = await space.pods.list('job-name=work');
      const { name = '', uid = '' } = pod?.metadata ?? {};
      expect(await space.pods.log(name, 'app')).toMatch(`:assumed-role/agents-session/fab-${uid} 0\n`);
      expect(space.operatorsOf('GetCallerIdentity')).toEqual([OPERATOR]);
      expect(space.operatorsOf('ListBuckets')).toEqual([OPERATOR]);
      expect(await space.pods.log(name, 'countersign')).toContain(`"operator":"${OPERATOR}"`);
    });
  }

  it('serve containers of every user, and let none of them write', async () => {
    // Only baseline lets a container run as root.
    await using space = await SessionNamespace.create(testNode, countersign, { podSecurity: 'baseline' });
    const users = [0, 1, 1000, 65_532, 65_534, 2_147_483_647];
    const script = `id -u; node /probes/whoami.js ${space.sts.url}; touch /var/run/countersign/mine`;
    const containers = users.map((runAsUser) => ({
      ...app(testNode.node, ['sh', '-c', script]),
      name: `user-${runAsUser}`,
      securityContext: { ...RESTRICTED, runAsNonRoot: runAsUser !== 0, runAsUser },
    }));
    await space.pods.create({ metadata: { name: 'users' }, spec: { restartPolicy: 'Never', containers } });
    // The last command fails, as it should.
    const { metadata } = await space.pods.untilPhase('users', 'Failed', 120_000);
    for (const user of users) {
      expect((await space.pods.log('users', `user-${user}`)).split('\n')).toEqual([
        String(user),
        `arn:aws:sts::111122223333:assumed-role/agents-session/fab-${metadata?.uid} 0`,
        'touch: /var/run/countersign/mine: Read-only file system',
        '',
      ]);
    }
    expect(space.operatorsOf('ListBuckets')).toEqual(users.map(() => OPERATOR));
  });
});
