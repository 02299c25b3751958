import { describe, expect, it } from 'vitest';
import { connect } from './fixture.ts';
import { kubernetesVersion } from './tools/build.ts';

const cluster = connect();

describe.skipIf(cluster.unavailable)('the control plane of these tests', () => {
  it(`is Kubernetes ${kubernetesVersion}`, async () => {
    const { status, stdout, stderr } = await cluster.kubectl(['version', '--output=json']);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { clientVersion, serverVersion } = JSON.parse(stdout);
    expect(clientVersion.gitVersion).toBe(`v${kubernetesVersion}`);
    expect(serverVersion.gitVersion).toBe(`v${kubernetesVersion}`);
  });

  it('takes a user and the groups from a client certificate', async () => {
    const kubeconfig = await cluster.userKubeconfig('alice@acme.com', ['agents', 'acme:sre']);
    expect((await whoAmI(kubeconfig)).userInfo).toMatchObject({
      username: 'alice@acme.com',
      groups: ['agents', 'acme:sre', 'system:authenticated'],
    });
  });

  it('lets the administrator impersonate, and nobody else', async () => {
    const { userInfo } = await whoAmI(cluster.adminKubeconfig, '--as=bob@acme.com', '--as-group=acme:dev');
    expect(userInfo).toMatchObject({ username: 'bob@acme.com', groups: ['acme:dev', 'system:authenticated'] });

    const kubeconfig = await cluster.userKubeconfig('alice@acme.com');
    const refused = await cluster.kubectl(['get', '--raw=/api', '--as=bob@acme.com'], { kubeconfig });
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('User "alice@acme.com" cannot impersonate');
  });

  it('knows a service account by a token', async () => {
    const namespace = await cluster.newNamespace();
    const kubeconfig = await cluster.serviceAccountKubeconfig(namespace, 'default');
    expect((await whoAmI(kubeconfig)).userInfo.username).toBe(`system:serviceaccount:${namespace}:default`);
  });

  it('has controllers, each under its own name', async () => {
    const namespace = await cluster.newNamespace({ team: 'red' });
    const labels = await cluster.kubectl(['get', 'namespace', namespace, '--output=jsonpath={.metadata.labels.team}']);
    expect(labels.stdout).toBe('red');
    expect((await cluster.kubectl(['apply', '--filename=-', '-n', namespace], { stdin: deployment })).stderr).toBe('');
    const [pod] = await cluster.untilAudited({ verb: 'create', resource: 'pods', namespace, code: 201 });
    expect(pod?.user.username).toBe('system:serviceaccount:kube-system:replicaset-controller');
    expect(pod?.level).toBe('RequestResponse');
    expect(pod?.requestObject).toMatchObject({
      kind: 'Pod',
      metadata: { generateName: expect.stringMatching(/^app-/) },
    });
  });

  it('records who asked for what', async () => {
    const kubeconfig = await cluster.userKubeconfig('carol@acme.com');
    const namespace = await cluster.newNamespace();
    const refused = await cluster.kubectl(['get', 'secrets', '-n', namespace], { kubeconfig });
    expect(refused.stderr).toContain('Forbidden');
    const events = await cluster.untilAudited({ user: 'carol@acme.com', resource: 'secrets', namespace });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      verb: 'list',
      level: 'Metadata',
      responseStatus: { code: 403 },
      annotations: { 'authorization.k8s.io/decision': 'forbid' },
    });
  });

  it('answers the client library', async () => {
    const { CoreV1Api } = await import('@kubernetes/client-node');
    const kubeconfig = await cluster.userKubeconfig('dave@acme.com', ['system:masters']);
    const api = (await cluster.clientConfig(kubeconfig)).makeApiClient(CoreV1Api);
    expect((await api.readNamespace({ name: 'default' })).status?.phase).toBe('Active');
  });

  it('can lose a component and get it back', async () => {
    const namespace = await cluster.newNamespace();
    const get = ['get', 'namespace', namespace, '--request-timeout=5s'];
    const away = await cluster.without('kube-apiserver', () => cluster.kubectl(get));
    expect(away.stderr).toContain('refused');
    expect(await cluster.kubectl(get)).toMatchObject({ status: 0, stderr: '' });
    await expect(cluster.startComponent('kube-apiserver')).rejects.toThrow('running already');
  });
});

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec: { containers: [{ name: app, image: app }] }
`;

interface WhoAmI {
  readonly userInfo: { readonly username: string; readonly groups: readonly string[] };
}

async function whoAmI(kubeconfig: string, ...flags: readonly string[]): Promise<WhoAmI> {
  const result = await cluster.kubectl(['auth', 'whoami', '--output=json', ...flags], { kubeconfig });
  if (result.status !== 0) throw new Error(result.stderr);
  return (JSON.parse(result.stdout) as { status: WhoAmI }).status;
}
