import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PATH } from '../../../../src/names.ts';
import { callersAccess } from '../../../../src/session/exec/callers-access.ts';
import { tokenByCommand } from '../../../../src/session/exec/token-command.ts';
import { upstreamOf } from '../../../../src/session/exec/upstream.ts';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'countersign-access-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function write(name: string, content: string): string {
  const path = join(home, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const CONFIG = `current-context: one
contexts: [{name: one, context: {cluster: c, user: u, namespace: agents}}, {name: two, context: {cluster: c, user: v}}]
clusters: [{name: c, cluster: {server: 'https://one.test', certificate-authority: ca.crt}}]
users: [{name: u, user: {token: of-u}}]
`;

describe('the caller’s way to a cluster', () => {
  it('is that of the current context, with paths that hold from elsewhere', () => {
    write('.kube/config', CONFIG);
    expect(callersAccess({ HOME: home })).toEqual({
      cluster: { server: 'https://one.test', 'certificate-authority': join(home, '.kube/ca.crt') },
      user: { token: 'of-u' },
      namespace: 'agents',
    });
  });

  it.each([
    ['./get-token', (directory: string) => join(directory, 'get-token')],
    ['aws', () => 'aws'],
  ])('has its command where the file means it: %s', (command, expected) => {
    const KUBECONFIG = write('config', CONFIG.replace('token: of-u', `exec: {command: ${command}}`));
    expect(callersAccess({ KUBECONFIG })?.user).toEqual({ exec: { command: expected(home) } });
  });

  it('is merged from several files, of which the first that says something wins', () => {
    const choice = write('choice', 'current-context: two\n');
    const users = write('users', 'users: [{name: v, user: {token: of-v}}]\n');
    const KUBECONFIG = ['', choice, join(home, 'gone'), write('config', CONFIG), users].join(':');
    expect(callersAccess({ KUBECONFIG, HOME: home })).toMatchObject({ user: { token: 'of-v' } });
  });

  it.each([
    ['no file', 'gone'],
    ['an empty one', '/dev/null'],
  ])('is none with %s, which is no fault', (_, path) => {
    expect(callersAccess({ KUBECONFIG: path, HOME: home })).toBeUndefined();
  });

  // In a pod that has an account mounted there is a way in.
  it.skipIf(existsSync(PATH.serviceAccount))('is none in a pod whose account is not mounted', () => {
    const address = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    expect(callersAccess({ ...address, KUBECONFIG: '/dev/null' })).toBeUndefined();
  });

  it.each([
    ['a user that is not there', CONFIG.replace('name: u, user', 'name: x, user'), /has no user "u"/],
    ['a broken file', 'users: [secret', /is not YAML/],
  ])('is told as broken with %s, and without what stands there', (_, content, message) => {
    const read = () => callersAccess({ KUBECONFIG: write('config', content) });
    expect(read).toThrow(expect.objectContaining({ code: 'KubernetesAccessFailed' }));
    expect(read).toThrow(message);
    expect(read).not.toThrow(/secret|of-u/);
  });
});

describe('the same for the proxy', () => {
  const cluster = { server: 'https://one.test' };

  it('has the caller’s certificate', async () => {
    const client = { 'client-certificate': write('cert', 'C'), 'client-key-data': Buffer.from('K').toString('base64') };
    expect(await upstreamOf({ cluster, user: client })).toEqual({
      server: new URL('https://one.test'),
      ca: undefined,
      clientCertificate: { certificate: 'C', key: 'K' },
    });
  });

  it.each<[object, object]>([
    [{ ...cluster, 'insecure-skip-tls-verify': true }, { token: 't' }],
    [{ ...cluster, 'proxy-url': 'http://elsewhere.test' }, { token: 't' }],
    [{ ...cluster, 'tls-server-name': 'elsewhere.test' }, { token: 't' }],
    [{ server: 'http://one.test' }, { token: 't' }],
    [cluster, { token: 't', as: 'root' }],
    [cluster, { username: 'root', password: 'root' }],
    [cluster, { 'auth-provider': { name: 'oidc' } }],
    [cluster, { 'client-certificate-data': 'QQ==' }],
    [cluster, {}],
  ])('is refused, not weakened: %j %j', async (server, user) => {
    const refusal = upstreamOf({ cluster: { ...server }, user: { ...user } });
    await expect(refusal).rejects.toMatchObject({ code: 'KubernetesAccessFailed' });
  });
});

describe('a kubeconfig’s command', () => {
  const v1 = 'client.authentication.k8s.io/v1';
  const script = (body: string): string => {
    const path = write('command', `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o700);
    return path;
  };
  const credential = (status: object) => `echo '${JSON.stringify({ apiVersion: v1, kind: 'ExecCredential', status })}'`;

  it('is asked once for a token that lasts, with its own arguments and variables', async () => {
    const count = join(home, 'count');
    const inTime = new Date(Date.now() + 600_000).toISOString();
    const command = script(
      `echo "$1 $STAGE $KUBERNETES_EXEC_INFO" >> ${count}\n${credential({ token: 't1', expirationTimestamp: inTime })}`,
    );
    const token = tokenByCommand({ apiVersion: v1, command, args: ['get'], env: [{ name: 'STAGE', value: 'test' }] });
    expect(await Promise.all([token(), token()])).toEqual(['t1', 't1']);
    expect(await token()).toBe('t1');
    const { readFileSync } = await import('node:fs');
    const lines = readFileSync(count, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^get test .*"ExecCredential"/);
  });

  it('is asked again when its token is about to end', async () => {
    const command = script(
      credential({ token: 't2', expirationTimestamp: new Date(Date.now() + 30_000).toISOString() }),
    );
    const token = tokenByCommand({ apiVersion: v1, command });
    expect(await token()).toBe('t2');
    script(credential({ token: 't3' }));
    expect(await token()).toBe('t3');
    expect(await token()).toBe('t3');
  });

  it.each<[string, string, RegExp]>([
    ['fails', 'echo secret; echo log in first >&2; exit 3', /log in first/],
    ['fails without a word', 'echo secret; exit 3', /status 3/],
    ['prints no JSON', 'echo secret', /printed no token/],
    ['prints a certificate', credential({ clientCertificateData: 'secret' }), /printed no token/],
    ['prints a header', credential({ token: 'secret\r\nX-A: b' }), /printed no token/],
  ])('that %s says so, and not what it printed', async (_, body, message) => {
    const failure = Promise.resolve(tokenByCommand({ apiVersion: v1, command: script(body) })());
    await expect(failure).rejects.toMatchObject({
      code: 'KubernetesAccessFailed',
      message: expect.stringMatching(message),
    });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
  });

  it.each([{}, { apiVersion: 'v2', command: 'true' }, { apiVersion: v1 }, 'true'])(
    'is not run as %j',
    async (plugin) => {
      await expect(Promise.resolve().then(tokenByCommand(plugin))).rejects.toThrow(/names no command/);
    },
  );
});
