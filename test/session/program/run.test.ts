import { describe, expect, test } from 'vitest';
import { SESSION_SETTING } from '../../../src/names.ts';
import { askEndpoint } from '../support/ask-endpoint.ts';
import { OPERATOR, SessionPod } from '../support/session-pod.ts';
import { BASE_ROLE, SESSION_ROLE } from '../sts/example.ts';
import { IDP_UNREACHABLE, INTERNAL, THROTTLED, UNAVAILABLE } from '../sts/faults.ts';

const recorded = (pod: SessionPod, name: string) => pod.sts.records.all.filter(({ eventName }) => eventName === name);
const actions = (pod: SessionPod) => pod.sts.arrivals.all.map(({ action }) => action);

describe('a session that opens', () => {
  test('hands out keys in the operator’s name, as the records show', async () => {
    await using pod = await SessionPod.create();
    const started = pod.start('run');
    const { awsPort } = await started.ready();
    const token = pod.shared['aws-token'] ?? '';
    const { status, body } = await askEndpoint({ port: awsPort, token });
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration']);
    const [record] = recorded(pod, 'AssumeRole');
    expect(record?.requestParameters).toMatchObject({
      roleArn: SESSION_ROLE,
      roleSessionName: `fab-${pod.sessionId}`,
      sourceIdentity: OPERATOR,
      durationSeconds: 1800,
      tags: [
        { key: 'operator', value: OPERATOR },
        { key: 'session', value: pod.sessionId },
      ],
      transitiveTagKeys: ['operator', 'session'],
    });
    expect(record?.userIdentity).toMatchObject({ sessionContext: { sessionIssuer: { arn: BASE_ROLE } } });
    expect(record?.responseElements).toMatchObject({ credentials: { accessKeyId: body['AccessKeyId'] } });
  });

  test('logs one line, with whose session it is, and nothing that opens anything', async () => {
    await using pod = await SessionPod.create();
    const started = pod.start('run');
    const { awsPort } = await started.ready();
    const token = pod.shared['aws-token'] ?? '';
    const { body } = await askEndpoint({ port: awsPort, token });
    // Asked in vain, it does not tell either.
    await askEndpoint({ port: awsPort, token: `${token}x` });
    started.child.kill('SIGTERM');
    await started.exited;
    expect(started.log).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        component: 'session',
        operator: OPERATOR,
        role: SESSION_ROLE,
        session: pod.sessionId,
        expires: expect.stringMatching(/^\d{4}-.+Z$/),
        awsPort,
        msg: 'session ready',
      },
    ]);
    expect(started.errors).toBe('');
    for (const secret of [token, pod.token, body['AccessKeyId'], body['SecretAccessKey'], body['Token']]) {
      expect(started.output).not.toContain(secret);
    }
  });

  test('with EKS Pod Identity: the agent’s keys sign, and the operator is set all the same', async () => {
    await using pod = await SessionPod.create();
    pod.writeToken(pod.issuer.token({ aud: ['pods.eks.amazonaws.com'] }));
    const env = {
      [SESSION_SETTING.identity]: 'pod-identity',
      [SESSION_SETTING.baseRole]: undefined,
      [SESSION_SETTING.podIdentityEndpoint]: pod.sts.podIdentityUrl,
    };
    await pod.start('run', { env }).ready();
    expect(recorded(pod, 'AssumeRole').at(-1)?.requestParameters).toMatchObject({ sourceIdentity: OPERATOR });
    expect(recorded(pod, 'AssumeRoleWithWebIdentity')).toEqual([]);
  });

  test('without tags, where the policy says so', async () => {
    await using pod = await SessionPod.create();
    await pod.start('run', { env: { [SESSION_SETTING.sessionTags]: 'false' } }).ready();
    const [record] = recorded(pod, 'AssumeRole');
    expect(record?.requestParameters).not.toHaveProperty('tags');
    expect(record?.requestParameters).toMatchObject({ sourceIdentity: OPERATOR });
  });
});

describe('a start with trouble that passes', () => {
  test('throttled, out of order, cut off, without its identity provider: the session opens', async () => {
    await using pod = await SessionPod.create();
    pod.sts.faults.next(THROTTLED, INTERNAL, IDP_UNREACHABLE);
    pod.sts.faults.next({ ...UNAVAILABLE, action: 'AssumeRole' }, { kind: 'drop', action: 'AssumeRole' });
    await pod.start('run').ready();
    const base = 'AssumeRoleWithWebIdentity';
    expect(actions(pod)).toEqual([base, base, base, base, 'AssumeRole', 'AssumeRole', 'AssumeRole']);
  });

  test('a token that was renewed meanwhile is read again', async () => {
    await using pod = await SessionPod.create();
    const good = pod.token;
    pod.writeToken(pod.issuer.token({ exp: 1 }));
    pod.sts.faults.next({ kind: 'late', milliseconds: 500 });
    const asked = pod.sts.arrivals.next();
    const started = pod.start('run');
    await asked;
    pod.writeToken(good);
    await started.ready();
    expect(actions(pod)).toEqual(['AssumeRoleWithWebIdentity', 'AssumeRoleWithWebIdentity', 'AssumeRole']);
  });

  test('once: a token that stays bad is not sent again and again', async () => {
    await using pod = await SessionPod.create();
    pod.writeToken(pod.issuer.token({ exp: 1 }));
    await pod.start('run').exited;
    expect(actions(pod)).toEqual(['AssumeRoleWithWebIdentity', 'AssumeRoleWithWebIdentity']);
  });

  test('base keys that ran out are fetched anew', async () => {
    await using pod = await SessionPod.create();
    pod.sts.faults.next({ kind: 'error', status: 403, code: 'ExpiredToken', action: 'AssumeRole' });
    await pod.start('run').ready();
    const base = 'AssumeRoleWithWebIdentity';
    expect(actions(pod)).toEqual([base, 'AssumeRole', base, 'AssumeRole']);
  });

  test('a refusal is not asked for twice', async () => {
    await using pod = await SessionPod.create();
    await pod.start('run', { env: { FAB_OPERATOR: 'mallory@elsewhere.com' } }).exited;
    expect(actions(pod)).toEqual(['AssumeRoleWithWebIdentity', 'AssumeRole']);
  });
});
