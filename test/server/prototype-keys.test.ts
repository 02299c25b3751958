import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, responseOf, send } from './support/client.ts';
import { ALICE, pod, reviewOf, ROBOT } from './support/reviews.ts';
import { startWebhook, type TestWebhook } from './support/webhook.ts';

let webhook: TestWebhook;
beforeAll(async () => {
  webhook = await startWebhook();
});
afterAll(() => webhook[Symbol.asyncDispose]());

async function decided(body: string): Promise<string | undefined> {
  return codeOf(responseOf(await send(webhook, { body })));
}

/** The text of a review in which an object begins with one more key. */
function withKey(userInfo: object, owner: string, key: string, value: object): string {
  const review = JSON.stringify(reviewOf(pod(), { userInfo: userInfo as typeof ALICE }));
  return review.replace(`"${owner}":{`, `"${owner}":{"${key}":${JSON.stringify(value)},`);
}

describe('a key that every object knows lends nothing to the object that has it', () => {
  it.each(['__proto__', '\\u005f_proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', 'toJSON'])(
    '%s',
    async (key) => {
      // Each would make a human of the robot, or leave the robot's pod alone, if it counted.
      expect(await decided(withKey(ROBOT, 'userInfo', key, ALICE))).toBe('NotHuman');
      expect(await decided(withKey(ROBOT, 'request', key, { userInfo: ALICE, operation: 'DELETE' }))).toBe('NotHuman');
      expect(await decided(withKey(ROBOT, 'resource', key, { resource: 'nodes' }))).toBe('NotHuman');
      expect(await decided(withKey(ROBOT, 'spec', key, { serviceAccountName: 'x', containers: [] }))).toBe('NotHuman');
      expect(await decided(withKey(ALICE, 'spec', key, { shareProcessNamespace: true }))).toBe('Attributed');
    },
  );

  it('nor to one that lacks what it must have', async () => {
    const lacking = (from: string) => JSON.stringify(reviewOf()).replace(from, `"__proto__":{${from}},"x":0`);
    expect(await decided(lacking('"username":"oidc:alice@example.com"'))).toBe('RequesterUnreadable');
    const { status, json } = await send(webhook, { body: lacking('"operation":"CREATE"') });
    expect({ status, json }).toEqual({
      status: 400,
      json: { code: 'ReviewInvalid', message: expect.stringContaining('request.operation') as string },
    });
  });

  it('nor to any other object', () => {
    for (const key of ['userInfo', 'username', 'operation', 'resource', 'containers'])
      expect({}).not.toHaveProperty(key);
  });
});
