import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { apiFailure, loadKubeConfig, makeClient } from '../../src/cluster/client.ts';
import { createAuthority, issueServing } from '../../src/tls/authority.ts';

const now = new Date();
const authority = await createAuthority({ commonName: 'test', days: 1, now });
const serving = await issueServing({ authority, dnsNames: [], ipAddresses: ['127.0.0.1'], days: 1, now });
const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } };

let directory: string;
let server: Server;
let connections = 0;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kube-client-'));
  server = createServer({ cert: serving.certificate, key: serving.key }, (request, response) =>
    answer(request, response),
  );
  server.on('secureConnection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  rmSync(directory, { recursive: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a client', () => {
  test('uses its connections again', async () => {
    answer = (_, response) => json(response, 200, namespace);
    const client = clientOf();
    const before = connections;
    for (let count = 0; count < 20; count += 1) await client.readNamespace({ name: 'default' });
    // A request may begin before the connection of the one before is free again.
    expect(connections - before).toBeLessThanOrEqual(2);
  });

  test('gives up on a server that takes the request and stays silent', async () => {
    answer = () => {};
    const failure = await failureOf(clientOf(100).readNamespace({ name: 'default' }));
    expect(failure).toEqual({ status: undefined, text: 'the API server did not answer in time' });
  });

  test('gives up on a server that stays silent in the middle of its answer', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"apiVersion":"v1",');
    };
    const failure = await failureOf(clientOf(100).readNamespace({ name: 'default' }));
    expect(failure).toEqual({ status: undefined, text: 'the API server did not answer in time' });
  });
});

describe('a failure is told in short', () => {
  test.each([403, 404, 409, 422, 500])('by the API server’s message: %i', async (code) => {
    answer = (_, response) => json(response, code, { kind: 'Status', message: 'namespaces "default" …', details: 'x' });
    const failure = await failureOf(clientOf().readNamespace({ name: 'default' }));
    expect(failure).toEqual({ status: code, text: `${code} namespaces "default" …` });
  });

  test('by HTTP’s words where the library has no more', async () => {
    answer = (_, response) => json(response, 401, { kind: 'Status', message: 'Unauthorized' });
    expect(await failureOf(clientOf().readNamespace({ name: 'default' }))).toEqual({
      status: 401,
      text: '401 Unauthorized',
    });
  });

  test('without the page of a proxy', async () => {
    answer = (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway</html>');
    expect(await failureOf(clientOf().readNamespace({ name: 'default' }))).toEqual({
      status: 502,
      text: '502 Bad Gateway',
    });
  });

  test('with the reason when no connection comes about', async () => {
    const { certificate } = await createAuthority({ commonName: 'another', days: 1, now });
    const failure = await failureOf(clientOf(1_000, certificate).readNamespace({ name: 'default' }));
    expect(failure.status).toBeUndefined();
    expect(failure.text).toMatch(/^fetch failed: .*certificate/);
  });
});

describe('a kube config', () => {
  test('is not looked for in places that were not named', () => {
    // Whatever these lead to, its current context is somebody's choice for something else.
    vi.stubEnv('KUBECONFIG', kubeconfig());
    vi.stubEnv('KUBERNETES_SERVICE_HOST', undefined);
    expect(() => loadKubeConfig()).toThrow(/not in a pod.*--kubeconfig/);
  });

  test('comes from the service account in a pod', () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', 'fd00::1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
    expect(loadKubeConfig().getCurrentCluster()?.server).toBe('https://[fd00::1]:443');
  });

  test.each([
    ['that is missing', undefined, /ENOENT/],
    ['that is no YAML', '{', /cannot be used/],
    ['that is empty', '', /cannot be used/],
    ['without a current context', '{"clusters":[],"users":[],"contexts":[]}', /no current context/],
  ])('%s is a fault that names it', (_, content, message) => {
    const path = join(directory, 'broken');
    rmSync(path, { force: true });
    if (content !== undefined) writeFileSync(path, content);
    expect(() => loadKubeConfig(path)).toThrow(message);
    expect(() => loadKubeConfig(path)).toThrow(path);
  });
});

function clientOf(requestTimeoutMs?: number, ca?: string): CoreV1Api {
  return makeClient(loadKubeConfig(kubeconfig(ca)), CoreV1Api, requestTimeoutMs);
}

async function failureOf(request: Promise<unknown>): Promise<ReturnType<typeof apiFailure>> {
  return request.then(
    () => ({ status: 200, text: 'no failure' }),
    (error: unknown) => apiFailure(error),
  );
}

function kubeconfig(ca = authority.certificate): string {
  const { port } = server.address() as AddressInfo;
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    'certificate-authority-data': Buffer.from(ca).toString('base64'),
  };
  const config = {
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user: { token: 'test' } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
  const path = join(directory, 'kubeconfig');
  writeFileSync(path, JSON.stringify(config));
  return path;
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
