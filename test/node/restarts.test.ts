import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { connectNode } from './fixture.ts';
import { app } from './support/app.ts';
import { allowImpersonation } from './support/kubernetes-access.ts';
import { statusOf } from './support/pods.ts';
import { SessionNamespace } from './support/session-namespace.ts';
import { useCountersign } from './support/use.ts';
import { Volumes } from './support/volumes.ts';
import { runOnMachine } from './rig/machine.ts';

const testNode = connectNode();

describe.skipIf(testNode.unavailable)('a session on a node', () => {
  const countersign = useCountersign(testNode);

  it('is the same after its container was killed three times, and the application runs on', async () => {
    const { node } = testNode;
    await using space = await SessionNamespace.create(testNode, countersign, {
      session: { kubernetes: { identity: 'pod' } },
    });
    await allowImpersonation(countersign, space.name);
    await space.pods.create({
      metadata: { name: 'agent' },
      spec: { terminationGracePeriodSeconds: 0, containers: [app(node, ['sleep', '600'])] },
    });
    const before = await space.pods.untilPhase('agent', 'Running');
    const { uid = '' } = before.metadata ?? {};
    const volumes = new Volumes(testNode, uid);
    const [shared, kept] = [volumes.files('countersign'), keptBy(volumes)];
    const whoami = () => space.pods.exec('agent', 'app', ['node', '/probes/whoami.js', space.sts.url]);
    expect(await whoami()).toMatchObject({ status: 0 });

    // What follows is done without AWS, by the keys of before.
    space.sts.faults.always({ action: 'AssumeRoleWithWebIdentity', kind: 'error', status: 503, code: 'Unavailable' });
    for (const count of [1, 2, 3]) {
      kill(await space.pods.get('agent'));
      // kubelet waits longer each time.
      await space.pods.until('agent', `is back for the time ${count}`, (pod) => restartsOf(pod) === count, 90_000);
      await space.pods.until('agent', 'has its session', (pod) => statusOf(pod, 'countersign')?.started === true);
      expect(await whoami()).toMatchObject({ status: 0, stdout: expect.stringContaining(`/fab-${uid} `) as string });
      const pods = await space.pods.exec('agent', 'app', ['kubectl', 'get', 'pods', '--output=name']);
      expect(pods).toMatchObject({ status: 0, stdout: 'pod/agent\n' });
    }

    expect(volumes.files('countersign')).toEqual(shared);
    expect(keptBy(volumes)).toEqual(kept);
    expect(space.operatorsOf('AssumeRole')).toHaveLength(1);
    expect(statusOf(await space.pods.get('agent'), 'app')?.restartCount).toBe(0);
  });

  it('does not hold up the deletion of its pod while AWS is silent, and starts no application then', async () => {
    await using space = await SessionNamespace.create(testNode, countersign);
    space.sts.faults.always({ kind: 'hang' });
    const asked = space.sts.arrivals.next();
    await space.pods.create({
      metadata: { name: 'agent' },
      spec: { terminationGracePeriodSeconds: 600, containers: [app(testNode.node, ['sleep', '600'])] },
    });
    await asked;
    // Well within what the pod may take for its end.
    const deleted = await space.pods.kubectl(['delete', 'pod', 'agent', '--timeout=40s']);
    expect(deleted).toMatchObject({ status: 0 });
    const events = await space.pods.events('agent');
    expect(events).toContain('Started spec.initContainers{countersign}');
    expect(events.filter((event) => event.endsWith('spec.containers{app}'))).toEqual([]);
  });

  function kill(pod: V1Pod): void {
    const id = statusOf(pod, 'countersign')?.containerID?.replace('containerd://', '') ?? '';
    runOnMachine(testNode.node.machine, ['ctr', '--namespace=k8s.io', 'tasks', 'kill', '--signal=SIGKILL', id]);
  }
});

function restartsOf(pod: V1Pod): number | undefined {
  return statusOf(pod, 'countersign')?.restartCount;
}

/** What the session keeps, but for the file that says which process is ready. */
function keptBy(volumes: Volumes): Readonly<Record<string, string>> {
  const { ready, ...kept } = volumes.files('countersign-private');
  expect(ready).toBeDefined();
  return kept;
}
