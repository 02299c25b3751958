import { describe, expect, test } from 'vitest';
import { askEndpoint } from '../support/ask-endpoint.ts';
import { OPERATOR, SessionPod } from '../support/session-pod.ts';
import { BASE_ROLE, SESSION_ROLE } from '../sts/example.ts';

describe('a session that opens', () => {
  test('hands out keys in the operator’s name, as the records show', async () => {
    await using pod = await SessionPod.create();
    const started = pod.start('run');
    const { awsPort } = await started.ready();
    const token = pod.shared['aws-token'] ?? '';
    const { status, body } = await askEndpoint({ port: awsPort, token });
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration']);
    expect(body['Expiration']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const record = pod.sts.records.all.find((each) => each.eventName === 'AssumeRole');
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
    started.child.kill('SIGTERM');
    expect(await started.exited).toEqual({ code: 0, signal: null });
  });
});
