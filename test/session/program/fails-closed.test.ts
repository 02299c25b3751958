import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SESSION_SETTING } from '../../../src/names.ts';
import { isReady } from '../../../src/session/ready.ts';
import { kubernetesEnv } from '../support/kubernetes-env.ts';
import { listening } from '../support/listening.ts';
import { SessionPod, type StartOptions } from '../support/session-pod.ts';
import { type Failure, FAILING_STARTS } from './failing-starts.ts';
import { FAILING_STS } from './failing-sts.ts';

const CASES: readonly Failure[] = [...FAILING_STARTS, ...FAILING_STS];

/** What must hold after every failure. */
async function expectClosed(pod: SessionPod, part: string, options: StartOptions, expected: Omit<Failure, 'step'>) {
  const started = pod.start(part, options);
  expect(await started.exited).toEqual({ code: 78, signal: null });
  const line = started.errors;
  expect(line).toMatch(new RegExp(`^countersign: \\[${expected.code}\\] [^\\n]+\\n$`));
  const [what, next] = line.split('Next: ');
  expect(what).toMatch(expected.says);
  expect(next).toMatch(expected.next);
  expect(pod.terminationMessage).toBe(line);
  expect(pod.shared).toEqual({});
  expect(isReady(pod.places)).toBe(false);
  expect(started.output).not.toContain('session ready');
  // The signature of a token, which is what makes it one.
  const [, , signature] = pod.token.split('.');
  if (signature !== undefined) expect(line + started.output).not.toContain(signature);
}

describe.concurrent('a session that cannot be opened', () => {
  test.for(CASES)('$step: [$code], and nothing is left', async ({ pod: podOptions, spoil, ...expected }) => {
    await using pod = await SessionPod.create(podOptions);
    await expectClosed(pod, 'run', spoil?.(pod) ?? {}, expected);
  });

  const ALSO = new Set([
    'the token is not there',
    'STS returns another source identity',
    'STS throttles until the end',
  ]);
  test.for(CASES.filter(({ step }) => ALSO.has(step)))(
    'delivered as files, $step: [$code], and nothing is left',
    async ({ pod: podOptions, spoil, ...expected }) => {
      await using pod = await SessionPod.create(podOptions);
      await expectClosed(pod, 'init', spoil?.(pod) ?? {}, expected);
    },
  );

  test('the port is somebody else’s: [ListenFailed]', async () => {
    await using pod = await SessionPod.create();
    await using taken = await listening(createServer());
    const expected = { code: 'ListenFailed', says: /EADDRINUSE/, next: /use another port/ };
    await expectClosed(pod, 'run', { places: { awsPort: taken.port } }, expected);
  });

  test('the Kubernetes token is missing: [KubernetesAccessFailed]', async () => {
    await using pod = await SessionPod.create();
    const env = kubernetesEnv(pod);
    const expected = { code: 'KubernetesAccessFailed', says: /kubernetes-token/, next: /projected token/ };
    await expectClosed(pod, 'run', { env }, expected);
  });

  test('files lead to no API server: [KubernetesAccessFailed]', async () => {
    await using pod = await SessionPod.create();
    const env = kubernetesEnv(pod);
    const expected = { code: 'KubernetesAccessFailed', says: /delivered as files/, next: /sidecar/ };
    await expectClosed(pod, 'init', { env }, expected);
  });
});

// By itself: what answers here must not be held up by the start of other processes.
test('instance metadata lists a role: [InstanceMetadataOpen]', async () => {
  await using pod = await SessionPod.create();
  await using metadata = await listening(createServer((_, response) => response.end('node-role')));
  const env = { [SESSION_SETTING.instanceMetadata]: 'refuse' };
  const expected = { code: 'InstanceMetadataOpen', says: /node’s role/, next: /hop limit/ };
  const places = { metadata: [metadata.origin] };
  await expectClosed(pod, 'run', { env, places }, expected);
  await expectClosed(pod, 'init', { env, places }, expected);
  // The same where the policy accepts it.
  await pod.start('run', { places }).ready();
});

test('what nobody foresaw is told too, on one line; where kubelet made no file for it, none is made', async () => {
  await using pod = await SessionPod.create();
  const terminationLog = join(pod.places.private, 'not-there');
  const started = pod.start('no-such-part\u2028', { places: { terminationLog } });
  expect(await started.exited).toEqual({ code: 78, signal: null });
  expect(started.errors).toMatch(/^countersign: \[Unexpected\] no such part: no-such-part [^\n]+Next: .+report it\n$/);
  expect(existsSync(terminationLog)).toBe(false);
});
