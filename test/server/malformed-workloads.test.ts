import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../src/json.ts';
import { WEBHOOK_PATH } from '../../src/names.ts';
import { codeOf, type Reply, responseOf, send } from './support/client.ts';
import { CONTROLLER, deployment, DEPLOYMENTS, startStamping } from './support/lineage.ts';
import { ALICE, reviewOf, ROBOT } from './support/reviews.ts';
import type { TestWebhook } from './support/webhook.ts';

let webhook: TestWebhook;
beforeAll(async () => {
  webhook = await startStamping();
});
afterAll(() => webhook[Symbol.asyncDispose]());

// Whatever came before, the next review is answered.
afterEach(async () => {
  const code = codeIn(await review('/mutate', deployment()));
  if (code !== 'Stamped') throw new Error(`a good review was answered with ${code}`);
});

const PATHS = Object.values(WEBHOOK_PATH);
const TOP = { uid: 'u', kind: {}, resource: DEPLOYMENTS, name: 'web', namespace: 'agents' };

function review(path: string, object: Json | undefined, request: JsonObject = {}): Promise<Reply> {
  return post(
    path,
    JSON.stringify({ ...reviewOf(), request: { ...TOP, userInfo: ALICE, operation: 'CREATE', object, ...request } }),
  );
}

function post(path: string, body: string): Promise<Reply> {
  return send(webhook, { path: `${path}/${webhook.secret}?timeout=10s`, body });
}

function codeIn(reply: Reply): string | undefined {
  return reply.status === 200 ? codeOf(responseOf(reply)) : (reply.json['code'] as string);
}

function expectInvalid(reply: Reply, message: string): void {
  expect(reply.status).toBe(400);
  expect(reply.json).toEqual({ code: 'ReviewInvalid', message: expect.stringMatching(/^.{1,200}$/) as string });
  expect(reply.json['message']).toContain(message);
}

describe.each(PATHS)('%s refuses', (path) => {
  it.each([
    ['what is no JSON', '{"request":', 'the body is not JSON'],
    ['what is no review', '{}', 'not an AdmissionReview'],
    ['100,000 levels', '['.repeat(100_000) + ']'.repeat(100_000), 'the body is not a JSON object'],
  ])('%s', async (_, body, message) => {
    expectInvalid(await post(path, body), message);
  });

  it.each<[string, JsonObject, string]>([
    ['CREATE', { object: null }, 'request.object is not an object'],
    ['CREATE', { object: [] }, 'request.object is not an object'],
    ['CREATE', { object: 'a Deployment' }, 'request.object is not an object'],
    ['UPDATE', {}, 'request.oldObject is not an object'],
    ['UPDATE', { oldObject: null }, 'request.oldObject is not an object'],
    ['UPDATE', { oldObject: ['web'] }, 'request.oldObject is not an object'],
    ['UPDATE', { object: null, oldObject: {} }, 'request.object is not an object'],
  ])('%s with %j', async (operation, request, message) => {
    expectInvalid(await review(path, deployment(), { operation, ...request }), message);
  });
});

const TEMPLATES: readonly [what: string, template: unknown, wrong: string][] = [
  ['without a spec', {}, 'spec is not an object'],
  ['with a list for a spec', { spec: [1] }, 'spec is not an object'],
  ['with a string for containers', { spec: { containers: 'one' } }, 'spec.containers is not a list'],
  ['with a number for a container', { spec: { containers: [1] } }, 'spec.containers[0] is not an object'],
  ['with a string for metadata', { metadata: 'x', spec: { containers: [] } }, 'metadata is not an object'],
  [
    'with a number for an annotation',
    { metadata: { annotations: { a: 1 } }, spec: { containers: [] } },
    'annotations.a',
  ],
  ['with a list for variables', { spec: { containers: [{ name: 'a', env: [['A', 'b']] }] } }, 'env[0]'],
];

describe('a template of an odd type is refused, naming what is wrong with it', () => {
  it.each(TEMPLATES)('%s', async (_, template, wrong) => {
    for (const path of ['/mutate', '/mutate-unenforced', '/guard', '/guard-unenforced']) {
      for (const userInfo of [ALICE, ROBOT, CONTROLLER]) {
        expectInvalid(await review(path, deployment({ template }), { userInfo }), wrong);
        const changed = { userInfo, operation: 'UPDATE', oldObject: deployment() };
        expectInvalid(await review(path, deployment({ template }), changed), wrong);
      }
    }
  });

  it('one that stands in the cluster does not hinder the update that mends it', async () => {
    for (const [, template] of TEMPLATES) {
      const mending = { operation: 'UPDATE', oldObject: deployment({ template }) };
      expect(codeIn(await review('/mutate', deployment(), mending))).toBe('Stamped');
    }
  });
});

describe('metadata of odd types is nobody’s', () => {
  it.each<[string, unknown, string]>([
    ['a string', 'web', 'NotHuman'],
    ['no annotations', { name: 'web', annotations: null }, 'NotHuman'],
    ['annotations that are a list', { name: 'web', annotations: ['countersign.dev/stamp'] }, 'NotHuman'],
    [
      'statements that are numbers',
      { name: 'web', annotations: { 'countersign.dev/stamp': 5, 'countersign.dev/custody': {} } },
      'NotHuman',
    ],
    ['owners that are a string', { name: 'web', ownerReferences: 'web' }, 'NotHuman'],
    ['an owner that says so by a string', { name: 'web', ownerReferences: [{ controller: 'true' }] }, 'NotHuman'],
    ['an owner of nothing', { name: 'web', ownerReferences: ['x', null, { controller: true }] }, 'OwnerUnknown'],
    [
      'an owner of odd parts',
      { name: 'web', ownerReferences: [{ controller: true, apiVersion: 5, kind: {}, name: [] }] },
      'OwnerUnknown',
    ],
  ])('%s', async (_, metadata, code) => {
    for (const userInfo of [ROBOT, CONTROLLER]) {
      expect(codeIn(await review('/mutate', deployment(undefined, metadata), { userInfo }))).toBe(code);
    }
    expect(codeIn(await review('/guard', deployment(undefined, metadata)))).toBe('ObjectNotStamped');
  });
});

describe('what is nested deep is decided, and the same way at every depth', () => {
  const nested = (levels: number, request: JsonObject) => {
    const body = JSON.stringify({
      ...reviewOf(),
      request: { ...TOP, userInfo: ALICE, object: deployment(), ...request },
    });
    return body.replaceAll('"containers":', `"odd":${'['.repeat(levels)}${']'.repeat(levels)},"containers":`);
  };
  const updating = { operation: 'UPDATE', oldObject: deployment() };

  it.each([300, 1_000, 3_000, 9_000, 100_000])('%i levels', async (levels) => {
    expect(codeIn(await post('/mutate', nested(levels, { operation: 'CREATE' })))).toBe('TemplateNotComparable');
    expect(codeIn(await post('/mutate', nested(levels, updating)))).toBe('TemplateNotComparable');
    expect(codeIn(await post('/mutate', nested(levels, { ...updating, userInfo: ROBOT })))).toBe('TemplateChanged');
    expect(codeIn(await post('/guard', nested(levels, { operation: 'CREATE' })))).toBe('ObjectNotStamped');
    expect(codeIn(await post('/guard', nested(levels, updating)))).toBe('ObjectNotStamped');
  });

  it('200 levels, deeper than any real object', async () => {
    expect(codeIn(await post('/mutate', nested(200, { operation: 'CREATE' })))).toBe('Stamped');
    expect(codeIn(await post('/mutate', nested(200, { ...updating, userInfo: ROBOT })))).toBe('Kept');
  });
});

describe('a namespace', () => {
  it.each<[string, Json, boolean]>([
    ['without metadata', {}, false],
    ['with a list for metadata', { metadata: [] }, false],
    ['with labels that are a string', { metadata: { labels: 'countersign.dev/policy' } }, false],
    ['with a label that is a number', { metadata: { labels: { 'countersign.dev/policy': 1 } } }, false],
    [
      'with a policy, and annotations that are a list',
      { metadata: { labels: { 'countersign.dev/policy': 'a' }, annotations: [] } },
      true,
    ],
    [
      'with a policy, and a date that is a number',
      { metadata: { labels: { 'countersign.dev/policy': 'a' }, annotations: { 'countersign.dev/governed-since': 7 } } },
      true,
    ],
  ])('%s is let through, with a date where it has a policy', async (_, namespace, dated) => {
    const resource = { group: '', version: 'v1', resource: 'namespaces' };
    const response = responseOf(await review('/govern', namespace, { resource }));
    expect(response.allowed).toBe(true);
    expect(response.patch !== undefined).toBe(dated);
    const again = responseOf(
      await review('/govern', namespace, { resource, operation: 'UPDATE', oldObject: namespace }),
    );
    expect(again.patch !== undefined).toBe(dated);
  });
});
