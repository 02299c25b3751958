import { describe, expect, it } from 'vitest';
import { readExecSettings } from '../../../../src/session/exec/settings.ts';
import type { Environment } from '../../../../src/session/settings.ts';

const ROLE = 'arn:aws:iam::111122223333:role/agent';
const LEAST = { FAB_OPERATOR: 'alice@acme.com', FAB_SESSION_ROLE_ARN: ROLE, AWS_REGION: 'eu-central-1' };

describe('the settings of session exec', () => {
  it('are these when only what is needed is set', () => {
    expect(readExecSettings(LEAST, false)).toEqual({
      operator: 'alice@acme.com',
      roleArn: ROLE,
      durationSeconds: 3600,
      sessionId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      sessionTags: true,
      region: 'eu-central-1',
      endpoint: new URL('https://sts.eu-central-1.amazonaws.com'),
    });
    expect(readExecSettings(LEAST, true).durationSeconds).toBe(1800);
  });

  it.each<[string, Environment, object]>([
    ['a region of the CLI alone', { AWS_REGION: undefined, AWS_DEFAULT_REGION: 'us-east-2' }, { region: 'us-east-2' }],
    ['China', { AWS_REGION: 'cn-north-1' }, { endpoint: new URL('https://sts.cn-north-1.amazonaws.com.cn') }],
    [
      'an endpoint for all services',
      { AWS_ENDPOINT_URL: 'https://all.test' },
      { endpoint: new URL('https://all.test') },
    ],
    [
      'one for STS besides',
      { AWS_ENDPOINT_URL: 'https://all.test', AWS_ENDPOINT_URL_STS: 'https://sts.test' },
      { endpoint: new URL('https://sts.test') },
    ],
    ['no tags', { COUNTERSIGN_SESSION_TAGS: 'false' }, { sessionTags: false }],
    ['a short life', { FAB_SESSION_DURATION: '900' }, { durationSeconds: 900 }],
  ])('are as they are set: %s', (_, change, expected) => {
    expect(readExecSettings({ ...LEAST, ...change }, false)).toMatchObject(expected);
  });

  it.each<[string, Environment]>([
    ['FAB_OPERATOR', { FAB_OPERATOR: '' }],
    ['FAB_OPERATOR', { FAB_OPERATOR: 'oidc:alice' }],
    ['FAB_OPERATOR', { FAB_OPERATOR: 'alice@acme.com\n' }],
    ['FAB_SESSION_ROLE_ARN', { FAB_SESSION_ROLE_ARN: undefined }],
    ['FAB_SESSION_ROLE_ARN', { FAB_SESSION_ROLE_ARN: 'admin' }],
    ['FAB_SESSION_DURATION', { FAB_SESSION_DURATION: '' }],
    ['FAB_SESSION_DURATION', { FAB_SESSION_DURATION: '899' }],
    ['FAB_SESSION_DURATION', { FAB_SESSION_DURATION: '3601' }],
    ['FAB_SESSION_DURATION', { FAB_SESSION_DURATION: '1e3' }],
    ['FAB_SESSION_ID', { FAB_SESSION_ID: '../../etc' }],
    ['FAB_SESSION_ID', { FAB_SESSION_ID: '' }],
    ['AWS_REGION', { AWS_REGION: undefined }],
    ['AWS_REGION', { AWS_REGION: 'evil.test/' }],
    ['AWS_DEFAULT_REGION', { AWS_REGION: undefined, AWS_DEFAULT_REGION: '' }],
    ['AWS_ENDPOINT_URL_STS', { AWS_ENDPOINT_URL_STS: 'http://sts.test' }],
    ['AWS_ENDPOINT_URL_STS', { AWS_ENDPOINT_URL_STS: '' }],
    ['AWS_ENDPOINT_URL', { AWS_ENDPOINT_URL: 'https://user:hunter2@sts.test' }],
    ['COUNTERSIGN_SESSION_TAGS', { COUNTERSIGN_SESSION_TAGS: 'yes' }],
  ])('are refused, and %s is named: %j', (name, change) => {
    const read = () => readExecSettings({ ...LEAST, ...change }, false);
    expect(read).toThrow(expect.objectContaining({ code: 'SessionSettingInvalid' }));
    expect(read).toThrow(new RegExp(`^${name} .*Next: `));
    expect(read).not.toThrow(/hunter2/);
  });
});
