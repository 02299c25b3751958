import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json.ts';
import { until } from '../cluster/until.ts';
import { mutatePath, send } from './support/client.ts';
import { WebhookProcess } from './support/process.ts';
import { head, rawTcp, rawTls } from './support/raw.ts';
import { ALICE, pod, reviewOf, ROBOT } from './support/reviews.ts';
import { newSecret } from './support/webhook.ts';

/** What a pod's author should have kept in a Secret. */
const TOKEN = `ghp_${randomBytes(24).toString('hex')}`;

/** Pods that are admitted and pods that are refused, with the token wherever a pod can hold one. */
function podsWithTokens(): readonly JsonObject[] {
  const env = [{ name: 'API_TOKEN', value: TOKEN }];
  const container = { name: 'agent', image: 'registry.example/agent:1.4', env, args: [`--token=${TOKEN}`] };
  const plain = pod({ containers: [container] }, { annotations: { 'example.com/token': TOKEN } });
  return [
    plain,
    pod({ containers: [container], shareProcessNamespace: true }),
    pod({ containers: [{ ...container, env: [...env, { name: 'FAB_OPERATOR', value: 'bob@example.com' }] }] }),
    pod({ containers: [{ ...container, env: [...env, { name: 'FAB_OPERATOR' }, { name: 'FAB_OPERATOR' }] }] }),
    pod({ containers: [{ ...container, ports: [{ containerPort: 9911 }] }] }),
    pod({
      containers: [container],
      volumes: [{ name: 'v', csi: { driver: 'x', volumeAttributes: { token: TOKEN } } }],
    }),
    // Malformed in a place where a message could show what stands there.
    pod({ containers: [{ ...container, env: TOKEN }] }),
    pod({ containers: [{ ...container, env: [{ name: { [TOKEN]: TOKEN }, value: TOKEN }] }] }),
    pod({ containers: TOKEN }),
    pod({ containers: [container] }, { annotations: [TOKEN] }),
  ];
}

async function misbehave(webhook: WebhookProcess): Promise<void> {
  const { endpoint } = webhook;
  for (const object of podsWithTokens()) {
    for (const userInfo of [ALICE, ROBOT]) await send(endpoint, { body: reviewOf(object, { userInfo }) });
  }
  const { secret } = endpoint;
  const review = JSON.stringify(reviewOf(podsWithTokens()[0]));
  const bodies = [
    '',
    '{',
    `{"token":"${TOKEN}"`,
    review.slice(0, -1),
    review.replace(TOKEN, `${TOKEN}\0`),
    `[${review}]`,
  ];
  for (const body of bodies) await send(endpoint, { body });
  await send(endpoint, { body: review, headers: { authorization: `Bearer ${TOKEN}`, cookie: TOKEN } });
  await send(endpoint, { path: `/validate-policy/${secret}`, body: review });
  for (const path of [
    `/${secret}`,
    `/mutate/${secret}/${TOKEN}`,
    `/mutate/${secret}A`,
    `/mutate/${secret}%`,
    `/?token=${TOKEN}`,
  ]) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) await send(endpoint, { method, path, body: review });
  }

  // What is not even HTTP, or not all of it.
  for (const bytes of [
    `GET ${mutatePath(endpoint)}\r\n\r\n`,
    head(mutatePath(endpoint), { 'content-length': 'many' }),
    head(mutatePath(endpoint), { [`x-${TOKEN}`]: 'x'.repeat(20_000) }),
    head(mutatePath(endpoint), { 'content-length': 5, 'transfer-encoding': 'chunked' }),
    `${TOKEN}\r\n\r\n`,
  ]) {
    using connection = await rawTls(endpoint);
    connection.socket.write(bytes);
    await connection.closed;
  }
  using cut = await rawTls(endpoint);
  cut.socket.write(`${head(mutatePath(endpoint), { 'content-length': 1000 })}{"token":"${TOKEN}"`);
  cut.socket.end();
  await cut.closed;
  using plain = await rawTcp(webhook.port);
  plain.socket.write(head(mutatePath(endpoint), {}));
  await plain.closed;
}

describe('whatever is sent', () => {
  it('neither a path secret nor what a pod holds is logged', async () => {
    await using webhook = await WebhookProcess.start();
    const wrong = newSecret();
    await misbehave(webhook);
    await send(webhook.endpoint, { path: `/mutate/${wrong}`, body: reviewOf() });

    // Secrets and policies that fail to load are spoken of as well.
    const next = newSecret();
    webhook.volumes.secrets.replace({ current: `${next} ${next}` });
    webhook.volumes.policy.replace({ 'policy.yaml': 'kind: [' });
    webhook.volumes.tls.replace({ 'tls.crt': 'x', 'tls.key': TOKEN });
    for (const file of ['path', 'policy', 'tls'])
      await until(`${file} fails`, () => webhook.metric('countersign_reloads_total', { file, result: 'failed' }));
    await misbehave(webhook);

    const metrics = (await webhook.probe('/metrics')).text;
    webhook.child.kill('SIGTERM');
    expect(await webhook.exited).toEqual({ code: 0, signal: null });
    expect(webhook.log.filter(({ code }) => code === 'Attributed').length).toBeGreaterThan(0);
    expect(webhook.log.filter(({ code }) => code === 'NotHuman').length).toBeGreaterThan(0);
    expect(webhook.log.at(-1)).toMatchObject({ msg: 'ended' });
    for (const secret of [webhook.secret, webhook.secret.slice(0, 16), next, wrong, TOKEN, TOKEN.slice(0, 16)]) {
      expect(webhook.output).not.toContain(secret);
      expect(metrics).not.toContain(secret);
    }
  });
});
