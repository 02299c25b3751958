import { describe, expect, it } from 'vitest';
import { connectNode } from './fixture.ts';
import { app } from './support/app.ts';
import { allowDebugging, allowImpersonation } from './support/kubernetes-access.ts';
import { SessionNamespace } from './support/session-namespace.ts';
import { useCountersign } from './support/use.ts';

const testNode = connectNode();

/** Each attempt is made by the application itself, from inside its pod. */
describe.skipIf(testNode.unavailable)('an agent that reaches for more', () => {
  const countersign = useCountersign(testNode);

  it('finds no token, no process and no endpoint that is not its own, and no way into its session container', async () => {
    const { cluster, node } = testNode;
    await using space = await SessionNamespace.create(testNode, countersign, {
      session: { kubernetes: { identity: 'pod' } },
    });
    await allowImpersonation(countersign, space.name);
    await allowDebugging(countersign, space.name);
    for (const name of ['agent', 'other']) {
      const spec = { terminationGracePeriodSeconds: 0, containers: [app(node, ['sleep', '600'])] };
      await space.pods.create({ metadata: { name }, spec });
    }
    await space.pods.untilPhase('agent', 'Running');
    const other = await space.pods.untilPhase('other', 'Running');
    const inside = (...command: string[]) => space.pods.exec('agent', 'app', command);

    const probe = await inside('node', '/probes/reach.js', cluster.server, other.status?.podIP ?? '');
    expect(JSON.parse(probe.stdout)).toEqual({
      baseToken: 'ENOENT',
      sessionToken: 'ENOENT',
      keptKeys: 'ENOENT',
      processes: ['sleep 600', expect.stringMatching(/^node .*reach\.js/) as string],
      localTokenAtTheServer: 401,
      endpointOfAnother: 'ECONNREFUSED',
      proxyOfAnother: 'ECONNREFUSED',
    });

    // Its way to the API is open, in the operator's name; these are stopped by what they ask for.
    expect(await inside('kubectl', 'auth', 'whoami', '--output=jsonpath={.status.userInfo.username}')).toMatchObject({
      stdout: 'alice@acme.com',
    });
    const errors: Record<string, string> = {};
    for (const [attempt, command] of Object.entries(attemptsWith(node.images.app))) {
      const { status, stderr } = await inside('kubectl', ...command);
      errors[attempt] = status === 0 ? 'it worked' : stderr;
    }
    const [closed, session] = ['[SessionContainerClosed]', '[SessionRequester]'].map(
      (code) => expect.stringContaining(code) as string,
    );
    expect(errors).toEqual({
      'exec into the session container': closed,
      'attach to the session container': closed,
      'ephemeral container beside the session': closed,
      'forward to its own ports': session,
      'exec into itself': session,
      'exec into another agent': session,
      'a pod of its own': session,
    });
  });
});

/** What it tries by its own proxy, as arguments of kubectl. */
function attemptsWith(image: string): Readonly<Record<string, readonly string[]>> {
  const local = [`--image=${image}`, '--image-pull-policy=Never'];
  return {
    'exec into the session container': ['exec', 'agent', '--container=countersign', '--', 'id'],
    'attach to the session container': ['attach', 'agent', '--container=countersign'],
    'ephemeral container beside the session': [
      'debug',
      'agent',
      ...local,
      '--profile=restricted',
      '--target=countersign',
      '--',
      'id',
    ],
    'forward to its own ports': ['port-forward', 'pod/agent', '9911'],
    'exec into itself': ['exec', 'agent', '--container=app', '--', 'id'],
    'exec into another agent': ['exec', 'other', '--container=app', '--', 'id'],
    'a pod of its own': ['run', 'more', ...local],
  };
}
