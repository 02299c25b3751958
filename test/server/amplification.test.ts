import jsonPatch from 'fast-json-patch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODY_LIMIT } from '../../src/admission/load.ts';
import type { JsonObject } from '../../src/json.ts';
import { ask, codeOf, keepAlive, operationsOf, responseOf, send } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { pod, reviewOf } from './support/reviews.ts';

// With the memory that the manifests leave it.
let webhook: WebhookProcess;
beforeAll(async () => {
  webhook = await WebhookProcess.start({ nodeArgs: ['--max-old-space-size=256'] });
});
afterAll(() => webhook[Symbol.asyncDispose]());

/** The most that an API server takes of a client. */
const LARGEST = 3 * 1024 * 1024;

/** As many items as make a pod that an API server still takes. */
function fill(item: (index: number) => JsonObject): JsonObject[] {
  return Array.from({ length: Math.floor(LARGEST / (JSON.stringify(item(100_000)).length + 1)) }, (_, index) =>
    item(index),
  );
}

function containers(count: number): JsonObject {
  return pod({ containers: Array.from({ length: count }, (_, index) => ({ name: `c${index}`, image: 'i' })) });
}

const container = { name: 'a', image: 'i' };

describe('a pod as large as an API server takes it', () => {
  it.each<[string, () => JsonObject, string]>([
    ['containers', () => pod({ containers: fill(() => ({ name: 'a' })) }), 'TooManyContainers'],
    ['init containers', () => pod({ initContainers: fill(() => ({ name: 'a' })) }), 'TooManyContainers'],
    ['variables', () => pod({ containers: [{ ...container, env: fill(() => ({ name: 'a' })) }] }), 'Attributed'],
    [
      'variables that are taken out',
      () => pod({ containers: [{ ...container, env: fill(() => ({ name: 'KUBECONFIG' })) }] }),
      'Attributed',
    ],
    [
      'mounts',
      () => pod({ containers: [{ ...container, volumeMounts: fill(() => ({ name: 'a', mountPath: 'a' })) }] }),
      'Attributed',
    ],
    ['volumes', () => pod({ volumes: fill(() => ({ name: 'a' })) }), 'Attributed'],
    [
      'tolerations of nothing',
      () => pod({ tolerations: Array.from({ length: LARGEST / 3 }, () => ({})) }),
      'Attributed',
    ],
    // An API server writes the name that is not there.
    [
      'volumes of nothing',
      () => pod({ volumes: Array.from({ length: LARGEST / 3 }, () => ({ name: '' })) }),
      'Attributed',
    ],
    ['owners', () => pod({}, { ownerReferences: fill(() => ({ kind: 'a' })) }), 'Attributed'],
    [
      'annotations',
      () =>
        pod({}, { annotations: Object.fromEntries(fill((index) => ({ a: index })).map((_, index) => [index, ''])) }),
      'Attributed',
    ],
    ['characters in a name', () => pod({ containers: [{ name: 'a'.repeat(LARGEST), image: 'i' }] }), 'Attributed'],
    ['characters that an API server escapes', () => pod({}, { annotations: { a: '<'.repeat(LARGEST) } }), 'Attributed'],
  ])('full of %s: the answer is not much larger', async (_, object, code) => {
    using agent = keepAlive();
    // API servers write these three characters as six each (Go, encoding/json, HTMLEscape).
    const body = JSON.stringify(reviewOf(object())).replaceAll('<', '\\u003c');
    const reply = await send(webhook.endpoint, { body, agent });
    expect(codeOf(responseOf(reply))).toBe(code);
    expect(reply.text.length).toBeLessThan(2 * LARGEST);
  });
});

describe('a body that is small on the way and large in memory', () => {
  const fillBody = (item: string) => `{"many":[${`${item},`.repeat(BODY_LIMIT / (item.length + 1) - 10)}0]}`;

  it.each(['{}', '[]', '[{}]', '{"a":0}', '{"":""}'])('is refused before it is parsed: %s', async (item) => {
    using agent = keepAlive();
    const { status, json } = await send(webhook.endpoint, { body: fillBody(item), agent });
    expect({ status, json }).toEqual({
      status: 400,
      json: { code: 'ReviewInvalid', message: 'the body holds more objects than any review can' },
    });
  });

  it.each(['0', '""', '"ab"', '1e9', '"{[{[{[{["', String.raw`"\"{\"{\\"`])(
    'is parsed where it is not: %s',
    async (item) => {
      using agent = keepAlive();
      const { status, json } = await send(webhook.endpoint, { body: fillBody(item), agent });
      expect({ status, json }).toEqual({
        status: 400,
        json: { code: 'ReviewInvalid', message: expect.stringContaining('is not an AdmissionReview') as string },
      });
    },
  );
});

describe('many containers', () => {
  it('are all given their session, up to a bound', async () => {
    const most = containers(256);
    const response = await ask(webhook.endpoint, reviewOf(most));
    const { newDocument } = jsonPatch.applyPatch(structuredClone(most), operationsOf(response), true);
    const spec = newDocument['spec'] as unknown as { containers: { env: { name: string }[] }[] };
    expect(spec.containers).toHaveLength(256);
    for (const { env } of spec.containers) expect(env[0]).toEqual({ name: 'FAB_OPERATOR', value: 'alice@example.com' });
  });

  it('beyond the bound are refused, which says how many there may be', async () => {
    const response = await ask(webhook.endpoint, reviewOf(containers(257)));
    expect(response.status?.message).toMatch(/^\[TooManyContainers\] the pod has 257 containers, .* is 256\. Next: /);
  });
});
