import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TOKEN_FILE } from '../../../src/names.ts';
import { askEndpoint } from '../support/ask-endpoint.ts';
import { SessionPod } from '../support/session-pod.ts';
import { kubernetesEnv } from '../support/kubernetes-env.ts';

const assumed = (pod: SessionPod) => pod.sts.arrivals.all.filter(({ action }) => action === 'AssumeRole').length;

describe('the session container starts again', () => {
  test('killed three times: the same session, secrets, CA and keys, and STS is not asked', async () => {
    await using pod = await SessionPod.create();
    writeFileSync(join(pod.places.tokens, TOKEN_FILE.kubernetes), pod.issuer.token());
    const env = kubernetesEnv(pod);
    const first = pod.start('run', { env });
    const { awsPort } = await first.ready();
    const files = pod.shared;
    const keys = await askEndpoint({ port: awsPort, token: files['aws-token'] ?? '' });
    const inode = statSync(join(pod.places.shared, 'serviceaccount')).ino;
    // Away, for all that comes: a node that restarts everything at once may have no network yet.
    pod.sts.faults.always({ kind: 'drop' });
    await first.kill();
    for (let time = 1; time <= 3; time += 1) {
      const again = pod.start('run', { env });
      const { awsPort: port } = await again.ready();
      const { kubeconfig, ...rest } = pod.shared;
      const { kubeconfig: before, ...others } = files;
      expect(rest).toEqual(others);
      // In a pod the port is the same too.
      expect(kubeconfig?.replace(/127\.0\.0\.1:\d+/, '')).toBe(before?.replace(/127\.0\.0\.1:\d+/, ''));
      expect(await askEndpoint({ port, token: files['aws-token'] ?? '' })).toMatchObject({
        status: 200,
        body: keys.body,
      });
      await again.kill();
    }
    expect(assumed(pod)).toBe(1);
    // Application containers have mounted this directory by its inode.
    expect(statSync(join(pod.places.shared, 'serviceaccount')).ino).toBe(inode);
  });

  test('damaged state is made anew', async () => {
    await using pod = await SessionPod.create();
    const first = pod.start('run');
    await first.ready();
    await first.kill();
    const token = pod.shared['aws-token'] ?? '';
    for (const name of readdirSync(pod.places.private)) {
      const path = join(pod.places.private, name);
      writeFileSync(path, readFileSync(path, 'utf8').slice(0, 20));
    }
    const again = pod.start('run');
    const { awsPort } = await again.ready();
    expect(pod.shared['aws-token']).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(pod.shared['aws-token']).not.toBe(token);
    expect(await askEndpoint({ port: awsPort, token: pod.shared['aws-token'] ?? '' })).toMatchObject({ status: 200 });
    expect(assumed(pod)).toBe(2);
  });

  test('the keys of another session are not taken', async () => {
    await using pod = await SessionPod.create();
    const first = pod.start('run');
    await first.ready();
    await first.kill();
    await pod.start('run', { env: { FAB_OPERATOR: 'bob@acme.com' } }).ready();
    const [, record] = pod.sts.records.all.filter(({ eventName }) => eventName === 'AssumeRole');
    expect(record?.requestParameters).toMatchObject({ sourceIdentity: 'bob@acme.com' });
  });

  test('keys that have run out are not taken, and without STS there is no session', async () => {
    await using pod = await SessionPod.create();
    writeFileSync(join(pod.places.tokens, TOKEN_FILE.kubernetes), pod.issuer.token());
    const env = kubernetesEnv(pod);
    const first = pod.start('run', { env });
    await first.ready();
    await first.kill();
    const inode = statSync(join(pod.places.shared, 'serviceaccount')).ino;
    const path = join(pod.places.private, 'credentials.json');
    const kept = readFileSync(path, 'utf8');
    writeFileSync(path, kept.replace(/"Expiration":"[^"]*"/, `"Expiration":"${new Date().toISOString()}"`));
    pod.sts.faults.next({ kind: 'error', status: 403, code: 'AccessDenied' });
    const again = pod.start('run', { env });
    expect(await again.exited).toMatchObject({ code: 78 });
    expect(again.errors).toContain('[BaseIdentityFailed]');
    // What the first run had published is gone too, and comes back where application containers have it mounted.
    expect(pod.shared).toEqual({});
    await pod.start('run', { env }).ready();
    expect(Object.keys(pod.shared)).toContain('serviceaccount/token');
    expect(statSync(join(pod.places.shared, 'serviceaccount')).ino).toBe(inode);
  });
});

describe('a signal ends', () => {
  test.for(['SIGTERM', 'SIGINT'] as const)('a running session with status 0: %s', async (signal) => {
    await using pod = await SessionPod.create();
    const started = pod.start('run');
    await started.ready();
    started.child.kill(signal);
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });

  test('a session that waits for STS, at once', async () => {
    await using pod = await SessionPod.create();
    pod.sts.faults.always({ kind: 'hang' });
    const asked = pod.sts.arrivals.next();
    const started = pod.start('run');
    await asked;
    started.child.kill('SIGTERM');
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(started.errors).toBe('');
    expect(pod.shared).toEqual({});
  });

  test('a delivery, and not as if the keys were there', async () => {
    await using pod = await SessionPod.create();
    pod.sts.faults.always({ kind: 'hang' });
    const asked = pod.sts.arrivals.next();
    const started = pod.start('init');
    await asked;
    started.child.kill('SIGTERM');
    expect(await started.exited).toEqual({ code: 143, signal: null });
    expect(pod.shared).toEqual({});
  });
});
