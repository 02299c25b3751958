import { describe, expect, it } from 'vitest';
import { connectNode } from './fixture.ts';
import { Pods } from './support/pods.ts';

const testNode = connectNode();

/** What the other tests of this layer rely on, without anything of Countersign's. */
describe.skipIf(testNode.unavailable)('the node', () => {
  it('runs a pod, shows its log, and reaches the API server from it', async () => {
    const { cluster, node } = testNode;
    const pods = new Pods(cluster, await cluster.newNamespace());
    const [host, port] = new URL(cluster.server).host.split(':');
    const script = `echo hello; nc -w 2 ${host} ${port} -e true && echo reached; id -u`;
    await pods.create({
      metadata: { name: 'plain' },
      spec: {
        restartPolicy: 'Never',
        containers: [
          { name: 'app', image: node.images.app, command: ['sh', '-c', script], securityContext: { runAsUser: 1234 } },
        ],
      },
    });
    await pods.untilPhase('plain', 'Succeeded');
    expect(await pods.log('plain', 'app')).toBe('hello\nreached\n1234\n');
  });

  it('holds the application back until the hook of a native sidecar has ended', async () => {
    const { cluster, node } = testNode;
    const pods = new Pods(cluster, await cluster.newNamespace());
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    const command = (script: string) => ({ image: node.images.app, command: ['sh', '-c', script], volumeMounts });
    await pods.create({
      metadata: { name: 'sidecar' },
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 1,
        volumes: [{ name: 'shared', emptyDir: { medium: 'Memory' } }],
        initContainers: [
          {
            name: 'first',
            restartPolicy: 'Always',
            ...command('sleep 600'),
            lifecycle: { postStart: { exec: { command: ['touch', '/shared/hook'] } } },
          },
        ],
        containers: [{ name: 'app', ...command('ls /shared') }],
      },
    });
    await pods.untilPhase('sidecar', 'Succeeded');
    expect(await pods.log('sidecar', 'app')).toBe('hook\n');
  });

  it('runs commands in containers', async () => {
    const { cluster, node } = testNode;
    const pods = new Pods(cluster, await cluster.newNamespace());
    await pods.create({
      metadata: { name: 'long' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'app', image: node.images.app, command: ['sleep', '600'] }],
      },
    });
    await pods.untilPhase('long', 'Running');
    expect(await pods.exec('long', 'app', ['node', '-p', '6*7'])).toMatchObject({ status: 0, stdout: '42\n' });
  });

  it('starts the program by the path that pods name, as any user and without a writable file', async () => {
    const { cluster, node } = testNode;
    const pods = new Pods(cluster, await cluster.newNamespace());
    await pods.create({
      metadata: { name: 'program' },
      spec: {
        restartPolicy: 'Never',
        containers: [
          {
            name: 'app',
            image: node.images.session,
            imagePullPolicy: 'IfNotPresent',
            command: ['/usr/local/bin/countersign', 'session', '--help'],
            securityContext: {
              runAsUser: 64_118,
              runAsNonRoot: true,
              readOnlyRootFilesystem: true,
              allowPrivilegeEscalation: false,
              capabilities: { drop: ['ALL'] },
              seccompProfile: { type: 'RuntimeDefault' },
            },
          },
        ],
      },
    });
    await pods.untilPhase('program', 'Succeeded');
    expect(await pods.log('program', 'app')).toContain('Usage: countersign session');
  });
});
