import jsonPatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json.ts';
import { ask, codeOf, operationsOf, send } from './support/client.ts';
import { pod, reviewOf, ROBOT } from './support/reviews.ts';
import { startWebhook, type TestWebhook } from './support/webhook.ts';

let webhook: TestWebhook;
beforeAll(async () => {
  webhook = await startWebhook();
});
afterAll(() => webhook[Symbol.asyncDispose]());

/** What an API server makes of an answer: the judge is a library that has nothing to do with ours. */
function patched(object: JsonObject, operations: readonly Operation[]): JsonObject {
  const copy = structuredClone(object);
  return jsonPatch.applyPatch(copy, [...operations], true).newDocument;
}

describe("a human's pod", () => {
  it('is answered in the form that an API server takes, with the uid it sent', async () => {
    const review = reviewOf();
    const reply = await send(webhook, { body: review });
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
    expect(reply.json).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: {
        uid: review.request['uid'],
        allowed: true,
        patchType: 'JSONPatch',
        patch: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) as string,
        auditAnnotations: expect.objectContaining({
          operator: 'alice@example.com',
          rule: 'people',
          code: 'Attributed',
          policy: 'agents',
        }) as object,
      },
    });
  });

  it('gets a patch that applies, and that a second review finds nothing to add to', async () => {
    const before = pod();
    const after = patched(before, operationsOf(await ask(webhook, reviewOf(before))));
    expect(after).toMatchObject({
      spec: {
        initContainers: [{ name: 'countersign', image: 'registry.example/countersign@sha256:0' }],
        containers: [
          {
            name: 'agent',
            env: expect.arrayContaining([{ name: 'FAB_OPERATOR', value: 'alice@example.com' }]) as object,
          },
        ],
      },
    });
    const again = await ask(webhook, reviewOf(after));
    expect(again).toMatchObject({ allowed: true, auditAnnotations: { code: 'Attributed' } });
    expect(again.patch).toBeUndefined();
  });

  it('may hold fields that no version of Kubernetes knows yet, and keeps them', async () => {
    const unknown = { made: ['in', { 2031: true }], 'with/slash~tilde': null, ünïcode: '\u0000\u{1F980}' };
    const before = pod(
      { futureOfPods: unknown, containers: [{ name: 'agent', image: 'x', futureOfContainers: unknown }] },
      { futureOfMetadata: unknown },
    );
    const review = { ...reviewOf(before, { futureOfRequests: unknown }), futureOfReviews: unknown };
    const after = patched(before, operationsOf(await ask(webhook, review)));
    expect(after).toMatchObject({
      metadata: { futureOfMetadata: unknown },
      spec: { futureOfPods: unknown, containers: [{ futureOfContainers: unknown }] },
    });
  });
});

describe('a pod that is refused', () => {
  it('is refused by an answer, not by an HTTP error, with what happened and what to do', async () => {
    const review = reviewOf(pod(), { userInfo: ROBOT });
    const reply = await send(webhook, { body: review });
    expect(reply.status).toBe(200);
    const message = expect.stringMatching(
      /^\[NotHuman\] service account ".*:default" is not a human.*\. Next: Create /,
    ) as string;
    expect(reply.json['response']).toEqual({
      uid: review.request['uid'],
      allowed: false,
      auditAnnotations: { code: 'NotHuman', mode: 'enforce', policy: 'agents' },
      status: {
        status: 'Failure',
        code: 403,
        reason: 'Forbidden',
        message,
        details: { causes: [{ reason: 'NotHuman', message }] },
      },
    });
  });

  it('is refused for the name of somebody else, with the operator that it does have', async () => {
    const claimed = pod({}, { annotations: { 'countersign.dev/on-behalf-of': 'bob@example.com' } });
    const response = await ask(webhook, reviewOf(claimed));
    expect(response.allowed).toBe(false);
    expect(response.patch).toBeUndefined();
    expect(response.status?.details.causes[0]?.reason).toBe('OperatorClaimedByOther');
    expect(response.status?.message).toContain('bob@example.com');
  });
});

describe('what is not the creation of a pod', () => {
  it.each([
    ['an update', { operation: 'UPDATE', oldObject: pod() }],
    ['a subresource', { subResource: 'status', operation: 'UPDATE', oldObject: pod() }],
    ['another resource', { resource: { group: 'apps', version: 'v1', resource: 'deployments' } }],
    ['pods of another group', { resource: { group: 'metrics.k8s.io', version: 'v1', resource: 'pods' } }],
  ])('passes untouched: %s', async (_, request) => {
    const response = await ask(webhook, reviewOf(pod(), { ...request, userInfo: ROBOT }));
    expect(response).toMatchObject({ allowed: true });
    expect(response.patch).toBeUndefined();
    expect(codeOf(response)).toBeUndefined();
  });
});
