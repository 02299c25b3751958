import { expect, test } from 'vitest';
import { SessionPod } from '../support/session-pod.ts';

test('a refusal that repeats the token tells nothing of it', async () => {
  await using pod = await SessionPod.create();
  const message = `Value '${pod.token}' at 'webIdentityToken' failed to satisfy a constraint`;
  pod.sts.faults.always({ kind: 'error', status: 400, code: 'ValidationError', message });
  const started = pod.start('run');
  expect(await started.exited).toMatchObject({ code: 78 });
  const said = started.errors + started.output + pod.terminationMessage;
  expect(said).toContain("ValidationError: Value ' ' at 'webIdentityToken' failed");
  for (const part of pod.token.split('.')) expect(said).not.toContain(part.slice(0, 20));
});

test('nor one that repeats the keys of the base role', async () => {
  await using pod = await SessionPod.create();
  let base = '';
  // The first answer, which is about the base role, passes as it is.
  pod.sts.faults.always({
    action: 'AssumeRoleWithWebIdentity',
    kind: 'altered',
    alter: (body) => {
      base = /<SessionToken>([^<]+)/.exec(body)?.[1] ?? '';
      const message = `x-amz-security-token:${base}`;
      pod.sts.faults.always({
        action: 'AssumeRole',
        kind: 'error',
        status: 403,
        code: 'SignatureDoesNotMatch',
        message,
      });
      return body;
    },
  });
  const started = pod.start('run');
  expect(await started.exited).toMatchObject({ code: 78 });
  const said = started.errors + started.output + pod.terminationMessage;
  expect(said).toContain('SignatureDoesNotMatch: x-amz-security-token:');
  expect(base.length).toBeGreaterThan(20);
  expect(said).not.toContain(base.slice(0, 20));
});
