import { KubeConfig } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { impersonatingKubeconfig, noAccessFiles, proxyFiles } from '../../../../src/session/kubernetes/kubeconfig.ts';

const read = (text: string | undefined) => {
  const config = new KubeConfig();
  config.loadFromString(text ?? '');
  return config;
};

describe('a kubeconfig', () => {
  it('for the proxy: address, authority and token in it, and the same for in-cluster clients', () => {
    const files = proxyFiles({ port: 9912, token: 'local', ca: 'PEM\n', namespace: 'agents' });
    const config = read(files['kubeconfig']);
    expect(config.getCurrentCluster()).toMatchObject({ server: 'https://127.0.0.1:9912', caData: 'UEVNCg==' });
    expect(config.getCurrentUser()).toMatchObject({ token: 'local' });
    expect(config.getContextObject(config.getCurrentContext())).toMatchObject({ namespace: 'agents' });
    const { kubeconfig: _, ...others } = files;
    expect(others).toEqual({
      'serviceaccount/ca.crt': 'PEM\n',
      'serviceaccount/token': 'local',
      'serviceaccount/namespace': 'agents',
    });
  });

  it('without access: its address says so, and there is nothing in it to get in with', () => {
    const files = noAccessFiles();
    expect(Object.keys(files)).toEqual(['kubeconfig']);
    const config = read(files['kubeconfig']);
    expect(config.getCurrentCluster()?.server).toBe('https://no-kubernetes-access-in-this-session.invalid');
    expect(config.getCurrentUser()).toMatchObject({ token: undefined });
  });

  it('of the caller: as the operator, and no longer as whom it was before', () => {
    const text = impersonatingKubeconfig(
      {
        cluster: {
          server: 'https://api.acme.com:6443',
          'certificate-authority-data': 'UEVNCg==',
          'tls-server-name': 'x',
        },
        user: {
          exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws' },
          as: 'bob',
          'as-uid': '1',
          'as-groups': ['system:masters'],
          'as-user-extra': { scopes: ['all'] },
        },
        namespace: 'agents',
      },
      { operator: 'alice@acme.com', sessionId: 'abc', group: false },
    );
    expect(JSON.parse(text)).toMatchObject({
      clusters: [{ cluster: { server: 'https://api.acme.com:6443', 'tls-server-name': 'x' } }],
      contexts: [{ context: { namespace: 'agents' } }],
      users: [
        {
          user: {
            exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'aws' },
            as: 'alice@acme.com',
            'as-user-extra': { 'countersign.dev/session': ['abc'] },
          },
        },
      ],
    });
    expect(text).not.toMatch(/bob|masters|scopes|as-uid|as-groups/);
  });

  it('of the caller, in a session with a group', () => {
    const actingAs = { operator: 'alice@acme.com', sessionId: 'abc', group: true };
    const { users } = JSON.parse(impersonatingKubeconfig({ cluster: {}, user: {} }, actingAs)) as {
      users: readonly [{ readonly user: object }];
    };
    expect(users[0].user).toMatchObject({ 'as-groups': ['countersign.dev:session:abc'] });
  });
});
