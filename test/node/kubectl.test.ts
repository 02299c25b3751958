import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SCENARIO, TARGET } from '../session/kubernetes/scenario.ts';
import { connectNode } from './fixture.ts';
import { app } from './support/app.ts';
import { allowImpersonation } from './support/kubernetes-access.ts';
import { Pods } from './support/pods.ts';
import { OPERATOR, SessionNamespace } from './support/session-namespace.ts';
import { useCountersign } from './support/use.ts';

const testNode = connectNode();

const OBJECTS = ['apply', 'apply again', 'apply, server side', 'diff', 'list', 'patch', 'watch', 'delete', 'create'];
const POD = [
  'logs -f',
  'exec',
  'exec, standard input',
  'exec, exit code',
  'exec, a megabyte',
  'attach',
  'port-forward',
  'port-forward, a request',
  'cp there',
  'cp back',
];

/** An unchanged kubectl in an agent's pod, at work on a pod that is nobody's session: as the operator may. */
describe.skipIf(testNode.unavailable)('kubectl in an agent’s pod', () => {
  const countersign = useCountersign(testNode);

  it('does what its operator may, by kubeconfig and in-cluster configuration, streams included', async () => {
    const { cluster, node } = testNode;
    await using space = await SessionNamespace.create(testNode, countersign, {
      session: { kubernetes: { identity: 'pod' } },
    });
    await allowImpersonation(countersign, space.name);
    const elsewhere = new Pods(cluster, await countersign.namespace(), space.alice.kubeconfig);
    await elsewhere.create({
      metadata: { name: 'target' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'app', image: node.images.app, imagePullPolicy: 'Never', command: TARGET }],
      },
    });
    await space.pods.create({
      kind: 'ConfigMap',
      metadata: { name: 'scenario' },
      data: { 'scenario.sh': readFileSync(SCENARIO, 'utf8') },
    });
    const volumes = [
      { name: 'scenario', configMap: { name: 'scenario' } },
      { name: 'scratch', emptyDir: {} },
    ];
    const volumeMounts = [
      { name: 'scenario', mountPath: '/scenario' },
      { name: 'scratch', mountPath: '/tmp' },
    ];
    await space.pods.create({
      metadata: { name: 'agent' },
      spec: {
        terminationGracePeriodSeconds: 0,
        volumes,
        containers: [app(node, ['sleep', '600'], { volumeMounts })],
      },
    });
    const { spec } = await space.pods.untilPhase('agent', 'Running');
    await elsewhere.untilPhase('target', 'Running');

    const kubectl = `KUBECTL=kubectl --namespace=${elsewhere.namespace}`;
    const play = (part: readonly string[], ...without: readonly string[]) => {
      const environment = ['env', ...without, `OPERATOR=${OPERATOR}`, kubectl];
      return space.pods.exec('agent', 'app', [...environment, 'sh', '/scenario/scenario.sh', ...part]);
    };
    for (const without of [[], ['-u', 'KUBECONFIG']]) {
      const objects = await play(['objects'], ...without);
      expect(objects).toMatchObject({ status: 0, stderr: '', stdout: said([...OBJECTS, 'whoami']) });
      const streams = await play(['pod', 'target'], ...without);
      expect(streams).toMatchObject({ status: 0, stdout: said(POD) });
    }

    const account = `system:serviceaccount:${space.name}:${spec?.serviceAccountName ?? ''}`;
    const calls = cluster.auditEvents({ user: account, namespace: elsewhere.namespace });
    const streams = calls.map(({ objectRef }) => objectRef?.subresource).filter((each) => each !== undefined);
    expect(new Set(streams)).toEqual(new Set(['log', 'exec', 'attach', 'portforward']));
    expect(new Set(calls.map(({ impersonatedUser }) => impersonatedUser?.username))).toEqual(new Set([OPERATOR]));
  });
});

function said(steps: readonly string[]): string {
  return steps.map((step) => `ok ${step}\n`).join('');
}
