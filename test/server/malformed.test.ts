import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../src/json.ts';
import { ask, codeOf, mutatePath, type Reply, responseOf, send } from './support/client.ts';
import { head, rawTls } from './support/raw.ts';
import { ALICE, pod, reviewOf, ROBOT } from './support/reviews.ts';
import { startWebhook, type TestWebhook } from './support/webhook.ts';

let webhook: TestWebhook;
beforeAll(async () => {
  webhook = await startWebhook();
});
afterAll(() => webhook[Symbol.asyncDispose]());

// Whatever came before, the next review is answered.
afterEach(async () => {
  await ask(webhook, reviewOf());
});

function expectInvalid(reply: Reply, message: string | RegExp): void {
  expect(reply.json).toEqual({ code: 'ReviewInvalid', message: expect.stringMatching(message) as string });
  expect(reply.status).toBe(400);
}

/** A review of which one part is something else. */
function altered(path: string, value: Json | undefined): JsonObject {
  const review = structuredClone(reviewOf(pod({ volumes: [{ name: 'v', emptyDir: {} }] }))) as Record<string, Json>;
  const keys = path.split('.');
  let at = review as Record<string, unknown>;
  for (const key of keys.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[keys.at(-1) ?? ''] = value;
  return review;
}

describe('a body that is not JSON is refused', () => {
  it.each([
    ['nothing', '', 'the body is not JSON'],
    ['spaces', '   ', 'the body is not JSON'],
    ['half a review', JSON.stringify(reviewOf()).slice(0, -40), 'the body is not JSON'],
    ['two reviews', JSON.stringify(reviewOf()).repeat(2), 'the body is not JSON'],
    ['YAML', 'apiVersion: admission.k8s.io/v1', 'the body is not JSON'],
    ['a NUL byte', `${JSON.stringify(reviewOf())}\0`, 'the body is not JSON'],
    ['a NUL byte in a string', JSON.stringify(reviewOf()).replace('research', 're\0search'), 'the body is not JSON'],
    ['100,000 levels that are not closed', '['.repeat(100_000), 'the body is not JSON'],
    ['bytes of UTF-16', Buffer.from(JSON.stringify(reviewOf()), 'utf16le'), 'the body is not JSON'],
    ['compressed bytes', Buffer.from('1f8b0800000000000003', 'hex'), 'the body is not JSON'],
    ['protobuf', Buffer.from('6b38730a', 'hex'), 'the body is not JSON'],
  ])('%s', async (_, body, message) => {
    expectInvalid(await send(webhook, { body }), message);
  });

  it.each(['', 'json', 'a/b/c', '\u00ff'])('a body under the content type %j', async (type) => {
    const reply = await send(webhook, { body: reviewOf(), headers: { 'content-type': type } });
    expectInvalid(reply, 'the header content-type cannot be read');
  });

  it('and the answer repeats nothing of it', async () => {
    const { text } = await send(webhook, { body: '{"token": hunter2}' });
    expect(text).not.toContain('hunter2');
  });
});

describe('JSON that is no review is refused, naming what is wrong with it', () => {
  it.each([
    ['a list', '[]', 'the body is not a JSON object'],
    ['null', 'null', 'the body is not a JSON object'],
    ['a string', '"review"', 'the body is not a JSON object'],
    ['100,000 levels', '['.repeat(100_000) + ']'.repeat(100_000), 'the body is not a JSON object'],
    ['an empty object', '{}', 'not an AdmissionReview of admission.k8s.io/v1'],
  ])('%s', async (_, body, message) => {
    expectInvalid(await send(webhook, { body }), message);
  });

  it.each([
    ['apiVersion', 'admission.k8s.io/v1beta1', 'not an AdmissionReview of admission.k8s.io/v1'],
    ['kind', 'Pod', 'not an AdmissionReview of admission.k8s.io/v1'],
    ['request', undefined, 'request is missing'],
    ['request', [], 'request is missing'],
    ['request.uid', undefined, 'request.uid '],
    ['request.uid', 7, 'request.uid '],
    ['request.operation', undefined, 'request.operation '],
    ['request.resource', 'pods', 'request.resource '],
    ['request.resource.resource', null, 'request.resource.resource '],
    ['request.resource.group', {}, 'request.resource.group '],
    ['request.namespace', ['agents'], 'request.namespace '],
    ['request.userInfo', undefined, 'request.userInfo '],
    ['request.userInfo.username', { toString: 'x' }, 'request.userInfo.username '],
    ['request.userInfo.groups', 'system:masters', 'request.userInfo.groups '],
    ['request.userInfo.groups', ['a', 1], 'request.userInfo.groups '],
    ['request.userInfo.extra', ['a'], 'request.userInfo.extra '],
    ['request.userInfo.extra', { arn: 'a' }, 'request.userInfo.extra.arn '],
    ['request.object', undefined, 'request.object'],
    ['request.object', 'a pod', 'request.object '],
    ['request.object.metadata', [], 'request.object.metadata '],
    ['request.object.metadata.annotations', { a: 1 }, 'request.object.metadata.annotations.a '],
    ['request.object.metadata.ownerReferences', {}, 'request.object.metadata.ownerReferences '],
    ['request.object.spec', null, 'request.object.spec '],
    ['request.object.spec.containers', 'one', 'request.object.spec.containers '],
    ['request.object.spec.containers', { 0: {} }, 'request.object.spec.containers '],
    ['request.object.spec.containers.0', 'agent', 'request.object.spec.containers[0] '],
    ['request.object.spec.containers.0.name', 5, 'request.object.spec.containers[0].name '],
    ['request.object.spec.containers.0.env', 3, 'request.object.spec.containers[0].env '],
    ['request.object.spec.containers.0.env', [{ value: 'x' }], 'request.object.spec.containers[0].env[0].name '],
    ['request.object.spec.containers.0.envFrom', [1], 'request.object.spec.containers[0].envFrom[0] '],
    ['request.object.spec.containers.0.ports', 80, 'request.object.spec.containers[0].ports '],
    [
      'request.object.spec.containers.0.volumeMounts',
      [{ name: 'v', mountPath: 1 }],
      'request.object.spec.containers[0].volumeMounts[0].mountPath ',
    ],
    ['request.object.spec.initContainers', {}, 'request.object.spec.initContainers '],
    ['request.object.spec.volumes.0', null, 'request.object.spec.volumes[0] '],
    ['request.object.spec.volumes.0.name', true, 'request.object.spec.volumes[0].name '],
  ])('%s as %j', async (path, value, message) => {
    const reply = await send(webhook, { body: altered(path, value) });
    expect(reply.json['message']).toContain(message);
    expectInvalid(reply, /^.{1,200}$/);
  });
});

describe('what is odd and yet a review is decided', () => {
  it('a key that would reach into the prototype of objects stays a key, and reaches nothing', async () => {
    // An author may choose such keys, in a flexVolume's options for instance; to refuse them would let the pod pass a
    // webhook whose failures are ignored.
    for (const key of ['"__proto__":{"allowed":true}', '"constructor":{"prototype":{"allowed":true}}']) {
      const robot = JSON.stringify(reviewOf(undefined, { userInfo: ROBOT })).replace('"spec":{', `"spec":{${key},`);
      expect(codeOf(responseOf(await send(webhook, { body: robot })))).toBe('NotHuman');
      const human = JSON.stringify(reviewOf()).replace('"spec":{', `"spec":{${key},`);
      expect(codeOf(responseOf(await send(webhook, { body: human })))).toBe('Attributed');
      expect(Object.hasOwn(Object.prototype, 'allowed')).toBe(false);
    }
  });

  it('of a key that stands there twice, the last counts, as for API servers', async () => {
    const [human, robot] = [JSON.stringify(ALICE), JSON.stringify(ROBOT)];
    const twice = (first: string, second: string) =>
      JSON.stringify(reviewOf()).replace(`"userInfo":${human}`, `"userInfo":${first},"userInfo":${second}`);
    expect(codeOf(responseOf(await send(webhook, { body: twice(robot, human) })))).toBe('Attributed');
    expect(codeOf(responseOf(await send(webhook, { body: twice(human, robot) })))).toBe('NotHuman');
  });

  it('100,000 levels in a field that is not looked at', async () => {
    const nested = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    const body = JSON.stringify(reviewOf()).replace('"spec":{', `"spec":{"nested":${nested},`);
    expect(codeOf(responseOf(await send(webhook, { body })))).toBe('Attributed');
  });

  it('a username with bytes that are not UTF-8, or with a NUL: nobody whom a rule could name', async () => {
    const text = JSON.stringify(reviewOf()).replace('alice@', 'al\u00ffce@');
    const invalid = Buffer.from(text, 'latin1');
    expect(codeOf(responseOf(await send(webhook, { body: invalid })))).toBe('RequesterUnreadable');
    const nul = reviewOf(pod(), { userInfo: { ...ALICE, username: 'oidc:alice@example.com\0' } });
    expect(codeOf(await ask(webhook, nul))).toBe('RequesterUnreadable');
  });

  it.each(['application/json; charset=utf-8', 'text/plain', 'application/x-www-form-urlencoded', 'APPLICATION/JSON'])(
    'JSON that calls itself %s',
    async (type) => {
      const reply = await send(webhook, { body: reviewOf(), headers: { 'content-type': type } });
      expect(codeOf(responseOf(reply))).toBe('Attributed');
    },
  );

  it('JSON that does not say what it is', async () => {
    using connection = await rawTls(webhook);
    const body = JSON.stringify(reviewOf());
    connection.socket.write(head(mutatePath(webhook), { 'content-length': Buffer.byteLength(body) }) + body);
    await connection.received(/"code":"Attributed"/);
  });
});
