import type { ServerResponse } from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ClusterOwners } from '../../src/cluster/owners.ts';
import type { Wanted } from '../../src/lineage/owners.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { FakeApiServer, json, notFound } from './support/api-server.ts';

const DEPLOYMENTS = { group: 'apps', versions: ['v1'], resource: 'deployments' } as const;
const SANDBOXES = { group: 'agents.x-k8s.io', versions: ['v1beta1', 'v1alpha1'], resource: 'sandboxes' } as const;
const PATH = '/apis/apps/v1/namespaces/agents/deployments/web';

/** Long enough never to matter. */
const LATER = 30_000;

let server: FakeApiServer;
let owners: ClusterOwners;
let metrics: Metrics;
let said: string[];

beforeAll(async () => {
  server = await FakeApiServer.start();
});
beforeEach(() => {
  server.reset();
  metrics = createMetrics();
  said = [];
  owners = clientOf(server.config());
});
afterEach(() => owners.stop());
afterAll(() => server.stop());

describe('an owner is read', () => {
  it('as the API server sent it, with fields that nobody knows', async () => {
    const object = { ...deployment(), spec: { novelty: { a: [1, null] } }, __proto: 'x' };
    server.answer = (_, response) => json(response, 200, object);
    expect(await read()).toEqual({ kind: 'found', object });
    expect(server.asked).toEqual([`GET ${PATH}`]);
  });

  it.each<[string, Partial<Wanted>, string]>([
    [
      'of the core group',
      { kind: { group: '', versions: ['v1'], resource: 'pods' } },
      '/api/v1/namespaces/agents/pods/web',
    ],
    [
      'in the version of the reference',
      { kind: SANDBOXES, version: 'v1alpha1' },
      '/apis/agents.x-k8s.io/v1alpha1/namespaces/agents/sandboxes/web',
    ],
    [
      'else in the first of the table',
      { kind: SANDBOXES },
      '/apis/agents.x-k8s.io/v1beta1/namespaces/agents/sandboxes/web',
    ],
    ['also for a version that is not there', { version: 'v1/../../v2' }, PATH],
  ])('from its path: %s', async (_, more, path) => {
    server.answer = (_, response) => json(response, 200, deployment());
    expect((await read(LATER, more)).kind).toBe('found');
    expect(server.asked).toEqual([`GET ${path}`]);
  });

  it.each(['', '.', '..', 'web/scale', 'web%2Fscale', 'web?x=y', 'Web', 'we b', 'wéb', 'x'.repeat(254)])(
    'never from another path: %j names nothing',
    async (name) => {
      expect(await read(LATER, { name })).toEqual({ kind: 'missing' });
      expect(await read(LATER, { namespace: name })).toEqual({ kind: 'missing' });
      expect(server.asked).toEqual([]);
    },
  );

  it('over few connections', async () => {
    server.answer = (_, response) => json(response, 200, deployment());
    for (let count = 0; count < 20; count += 1) await read();
    expect(server.connections).toBe(1);
  });

  it('again when the connection was closed while idle', async () => {
    server.answer = (_, response) => json(response, 200, deployment());
    await read();
    let reset = false;
    server.answer = (request, response) => {
      if (reset) json(response, 200, deployment());
      else request.socket.destroy();
      reset = true;
    };
    expect((await read()).kind).toBe('found');
    expect(server.asked).toHaveLength(3);
  });
});

describe('an owner that is not there', () => {
  it('is missing', async () => {
    server.answer = (_, response) => notFound(response, 'web');
    expect(await read()).toEqual({ kind: 'missing' });
    expect(await counted()).toEqual({ missing: 1 });
  });

  it.each([
    ['a kind that is not served', '404 page not found\n', '404 Not Found'],
    ['another object', JSON.stringify({ kind: 'Status', message: 'no', details: { name: 'api' } }), '404 no'],
  ])('is not said to be missing for %s', async (_, body, problem) => {
    server.answer = (_, response) => response.writeHead(404).end(body);
    expect(await read()).toEqual({ kind: 'failed', problem });
  });
});

describe('what goes wrong is told in short', () => {
  it.each([401, 403, 409, 429, 500, 503])('%i', async (status) => {
    server.answer = (_, response) => json(response, status, { kind: 'Status', message: 'because' });
    expect(await read()).toEqual({ kind: 'failed', problem: `${status} because` });
    expect(await counted()).toEqual({ failed: 1 });
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['a page of a proxy', (response) => response.writeHead(502).end('<html>'), /^502 Bad Gateway$/],
    ['no JSON', (response) => response.end('<html>'), /JSON/],
    ['no object', (response) => json(response, 200, [1]), /something else/],
    ['another object', (response) => json(response, 200, deployment('other')), /something else/],
    ['a list', (response) => json(response, 200, { items: [], metadata: {} }), /something else/],
    ['half an answer', (response) => half(response).destroy(), /aborted|hang up/],
    ['a way elsewhere', (response) => response.writeHead(302, { location: '/x' }).end(), /^302 Found$/],
    ['no HTTP', (response) => response.socket?.end('SSH-2.0\r\n'), /Parse Error/],
    ['more than there can be', (response) => endless(response), /more than/],
  ])('%s', async (_, answer, problem) => {
    server.answer = (_, response) => answer(response);
    const result = await read();
    expect(result).toMatchObject({ kind: 'failed', problem: expect.stringMatching(problem) as string });
    expect(JSON.stringify(result).length).toBeLessThan(200);
  });

  it('no server', async () => {
    const gone = await FakeApiServer.start();
    const config = gone.config();
    await gone.stop();
    const lonely = clientOf(config);
    const result = await lonely.read(wanted(), Date.now() + LATER);
    expect(result).toMatchObject({ kind: 'failed', problem: expect.stringMatching(/ECONNREFUSED/) as string });
    lonely.stop();
  });
});

describe('the deadline holds', () => {
  it.each<[string, (response: ServerResponse) => void]>([
    ['silent', () => {}],
    ['silent in the middle of its answer', (response) => void half(response)],
  ])('for a server that is %s', async (_, answer) => {
    server.answer = (_, response) => answer(response);
    expect(await read(100)).toEqual({ kind: 'failed', problem: 'the API server did not answer in time' });
  });

  it('when it is over already', async () => {
    expect((await read(-1)).kind).toBe('failed');
  });

  it('for what waits for its turn, and turns come again', async () => {
    const held = new Map<string, ServerResponse>();
    server.answer = ({ url = '' }, response) => held.set(url.slice(url.lastIndexOf('/') + 1), response);
    const under = Array.from({ length: 64 }, (_, index) => read(LATER, { name: `n${index}` }));
    await expect.poll(() => held.size).toBe(64);
    expect((await read(50, { name: 'late' })).kind).toBe('failed');
    const next = read(LATER, { name: 'next' });
    expect(held.size).toBe(64);
    server.answer = (_, response) => json(response, 200, deployment('next'));
    for (const [name, response] of held) {
      notFound(response, name);
      // Its turn came with the first of them.
      if (name === 'n0') expect((await next).kind).toBe('found');
    }
    expect(new Set((await Promise.all(under)).map(({ kind }) => kind))).toEqual(new Set(['missing']));
    expect(server.asked).not.toContain(`GET ${PATH.replace('web', 'late')}`);
  });
});

describe('pods of one owner', () => {
  it('share a request while it is under way, and no longer', async () => {
    const held: ServerResponse[] = [];
    server.answer = (_, response) => held.push(response);
    const reads = Array.from({ length: 200 }, () => read());
    await expect.poll(() => held.length).toBe(1);
    json(held[0] as ServerResponse, 200, deployment());
    const results = await Promise.all(reads);
    expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['found']));
    expect(server.asked).toHaveLength(1);
    expect(await counted()).toEqual({ found: 1, shared: 199 });
    server.answer = (_, response) => notFound(response, 'web');
    expect(await read()).toEqual({ kind: 'missing' });
    expect(server.asked).toHaveLength(2);
  });

  it('do not lose their time to the one that came first, nor wait for the one that has most', async () => {
    const held: ServerResponse[] = [];
    server.answer = (_, response) => held.push(response);
    const [first, patient, hasty] = [read(100), read(LATER), read(20)];
    expect((await hasty).kind).toBe('failed');
    expect((await first).kind).toBe('failed');
    json(held[0] as ServerResponse, 200, deployment());
    expect((await patient).kind).toBe('found');
    expect(server.asked).toHaveLength(1);
  });

  it('do not share with those of another namespace, kind or version', async () => {
    server.answer = (request, response) => json(response, 200, { ...deployment(), path: request.url });
    const others: Partial<Wanted>[] = [
      {},
      { namespace: 'others' },
      { kind: { ...DEPLOYMENTS, resource: 'replicasets' } },
      { kind: SANDBOXES },
      { kind: SANDBOXES, version: 'v1alpha1' },
    ];
    const reads = await Promise.all(others.map((more) => read(LATER, more)));
    const paths = reads.map((each) => (each.kind === 'found' ? each.object['path'] : undefined));
    expect(new Set(paths).size).toBe(others.length);
  });

  it('are told at once when the server stops', async () => {
    const held: ServerResponse[] = [];
    server.answer = (_, response) => held.push(response);
    const reads = [read(), read()];
    await expect.poll(() => held.length).toBe(1);
    owners.stop();
    expect((await Promise.all(reads)).map(({ kind }) => kind)).toEqual(['failed', 'failed']);
  });
});

describe('a right', () => {
  const alice = {
    username: 'oidc:alice',
    uid: '7',
    groups: ['team', 'system:authenticated'],
    extra: { 'example.com/scopes': ['a', 'b'] },
  };
  const mayUse = (patience = LATER) => owners.mayUse('restamp', alice, Date.now() + patience);

  it('is looked up for the whole identity', async () => {
    let body = '';
    server.answer = (request, response) => {
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => json(response, 201, { status: { allowed: true } }));
    };
    expect(await mayUse()).toBe(true);
    expect(server.asked).toEqual(['POST /apis/authorization.k8s.io/v1/subjectaccessreviews']);
    expect(JSON.parse(body)).toMatchObject({
      kind: 'SubjectAccessReview',
      spec: {
        user: 'oidc:alice',
        uid: '7',
        groups: alice.groups,
        extra: alice.extra,
        resourceAttributes: { group: 'countersign.dev', resource: 'attributionpolicies', verb: 'restamp' },
      },
    });
  });

  it('is not had when the API server says so', async () => {
    server.answer = (_, response) => json(response, 201, { status: { allowed: false } });
    expect(await mayUse()).toBe(false);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['an error', (response) => json(response, 500, { status: { allowed: true } })],
    ['something else', (response) => json(response, 201, { status: { allowed: 'yes' } })],
    ['nothing', () => {}],
  ])('is unknown when it answers with %s', async (_, answer) => {
    server.answer = (_, response) => answer(response);
    expect(await mayUse(200)).toBeUndefined();
    expect(said.join('')).toContain('a right cannot be looked up');
  });
});

describe('the id of the cluster', () => {
  it('is asked for until it is known, and then no more', async () => {
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => json(response, 503, { message: 'not yet' }),
      (response) => json(response, 200, { metadata: { name: 'kube-system' } }),
      (response) => json(response, 200, { metadata: { name: 'kube-system', uid: '0-1-2' } }),
    ];
    server.answer = (_, response) => answers.shift()?.(response);
    expect(await Promise.all([owners.clusterId(), owners.clusterId()])).toEqual(['0-1-2', '0-1-2']);
    expect(await owners.clusterId()).toBe('0-1-2');
    expect(server.asked).toEqual(Array.from({ length: 3 }, () => 'GET /api/v1/namespaces/kube-system'));
    expect(said.join('')).toContain('503 not yet');
  });

  it('is not waited for when the server stops', async () => {
    server.answer = (_, response) => json(response, 403, { message: 'no' });
    const id = owners.clusterId();
    await expect.poll(() => said.join('')).toContain('403 no');
    owners.stop();
    expect(await id).toBe('');
  });
});

describe('who asks', () => {
  it('shows a token, also one that was replaced before its time', async () => {
    const shown: (string | undefined)[] = [];
    const config = server.config('old');
    const own = clientOf(config);
    server.answer = (request, response) => {
      shown.push(request.headers.authorization);
      if (request.headers.authorization === 'Bearer new') json(response, 200, deployment());
      else json(response, 401, {});
    };
    expect((await own.read(wanted(), Date.now() + LATER)).kind).toBe('failed');
    Object.assign(config.getCurrentUser() ?? {}, { token: 'new' });
    expect((await own.read(wanted(), Date.now() + LATER)).kind).toBe('found');
    expect(shown).toEqual(['Bearer old', 'Bearer new']);
    expect(said.join('')).not.toMatch(/old|new/);
    own.stop();
  });
});

function clientOf(config: KubeConfig): ClusterOwners {
  const log = createLog('test', { write: (line) => void said.push(line) });
  return new ClusterOwners({ config, metrics, log });
}

function deployment(name = 'web') {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'agents', uid: '1' } };
}

function wanted(more: Partial<Wanted> = {}): Wanted {
  return { kind: DEPLOYMENTS, namespace: 'agents', name: 'web', ...more };
}

function read(patience = LATER, more: Partial<Wanted> = {}) {
  return owners.read(wanted(more), Date.now() + patience);
}

function half(response: ServerResponse): ServerResponse {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"metadata":');
  return response;
}

function endless(response: ServerResponse): void {
  const chunk = Buffer.alloc(1024 * 1024, 0x20);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

/** How many reads ended how. */
async function counted(): Promise<Record<string, number>> {
  const { values } = await metrics.ownerReads.get();
  const counts = values.filter(({ metricName }) => metricName === 'countersign_owner_read_seconds_count');
  return Object.fromEntries(counts.map(({ labels, value }) => [String(labels.result), value]));
}
