import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { podIdentity } from '../../../src/session/identity/pod-identity.ts';
import { listening } from '../../session/support/listening.ts';

const directory = mkdtempSync(join(tmpdir(), 'countersign-pod-identity-'));
const tokenFile = join(directory, 'token');
writeFileSync(tokenFile, 'aaa.bbb.ccc');
afterEach(() => void vi.restoreAllMocks());
afterAll(() => rmSync(directory, { recursive: true }));

const KEYS = {
  AccessKeyId: 'ASIA1',
  SecretAccessKey: 'secret',
  Token: 'session',
  AccountId: '111122223333',
  Expiration: '2026-01-02T03:04:05Z',
};

/** Asks an agent of the EKS Pod Identity kind that answers so. */
async function ask(answers: RequestListener) {
  await using agent = await listening(createServer(answers));
  const deadline = new AbortController();
  return await podIdentity({ endpoint: new URL('/v1/credentials', agent.origin), tokenFile }, deadline.signal);
}

const answering =
  (body: unknown, status = 200): RequestListener =>
  (_, response) =>
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));

describe('the agent of EKS Pod Identity', () => {
  test('is given the token, and gives keys', async () => {
    const credentials = await ask(({ method, url, headers }, response) => {
      const right = method === 'GET' && url === '/v1/credentials' && headers.authorization === 'aaa.bbb.ccc';
      response.writeHead(right ? 200 : 400).end(JSON.stringify(KEYS));
    });
    expect(credentials).toEqual({
      accessKeyId: 'ASIA1',
      secretAccessKey: 'secret',
      sessionToken: 'session',
      expiration: new Date('2026-01-02T03:04:05Z'),
    });
  });

  test('busy or broken, it is asked again, with the token of now', async () => {
    const seen: unknown[] = [];
    await ask(({ headers }, response) => {
      seen.push(headers.authorization);
      writeFileSync(tokenFile, `aaa.bbb.c${seen.length}`);
      const status = [500, 429, 200][seen.length - 1] ?? 200;
      response.writeHead(status).end(JSON.stringify(KEYS));
    });
    expect(seen).toEqual(['aaa.bbb.ccc', 'aaa.bbb.c1', 'aaa.bbb.c2']);
  });

  test.for([
    ['no JSON', '<html>'],
    ['no object', [KEYS]],
    ['null', null],
    ['a key that is missing', { ...KEYS, SecretAccessKey: undefined }],
    ['a key that is empty', { ...KEYS, AccessKeyId: '' }],
    ['a key that is no text', { ...KEYS, Token: 1 }],
    ['a key that ends a header and begins another', { ...KEYS, Token: 'a\r\nX-Other: b' }],
    ['a key without end', { ...KEYS, Token: 'a'.repeat(20_000) }],
    ['no time', { ...KEYS, Expiration: 'soon' }],
    ['an answer without end', 'x'.repeat(100_000)],
  ] as const)('%s: no keys', async ([, body]) => {
    // The shortest of all pauses between the attempts.
    vi.spyOn(Math, 'random').mockReturnValue(0);
    await expect(ask(answering(body))).rejects.toMatchObject({
      code: 'BaseIdentityFailed',
      message: expect.stringMatching(/^the EKS Pod Identity agent at http:\/\/127.+ Next: see that the agent runs/),
    });
  });

  test('a refusal is final, and repeats no token', async () => {
    let calls = 0;
    const refused = ask(({ headers }, response) => {
      calls += 1;
      response.writeHead(403).end(`[AccessDeniedException]: not ${headers.authorization}`);
    });
    await expect(refused).rejects.toMatchObject({
      code: 'BaseIdentityFailed',
      message: expect.stringContaining('status 403, [AccessDeniedException]: not (token). Next: '),
    });
    expect(calls).toBe(1);
  });
});
