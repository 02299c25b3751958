import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/errors.ts';
import { sessionContainer, type SessionPlan } from '../../../src/injection/container.ts';
import { type Environment, readSettings } from '../../../src/session/settings.ts';
import { createAuthority } from '../../../src/tls/authority.ts';
import { PLAN } from '../support/injection.ts';

const ID = '4b8ad2ea-63a0-4a2e-8f19-1a9a11a2d1b0';
const { certificate: CA } = await createAuthority({ commonName: 'api', days: 1, now: new Date() });
const ACCESS = { identity: 'pod', server: 'https://10.96.0.1', ca: CA } as const;

/** The variables of the session container, as kubelet hands them to the program. */
function environmentOf(more: Partial<SessionPlan> = {}): Record<string, string> {
  const env = sessionContainer({ ...PLAN, ...more })['env'] as unknown as { name: string; value?: string }[];
  const fields: Readonly<Record<string, string>> = { FAB_SESSION_ID: ID, COUNTERSIGN_NAMESPACE: 'agents' };
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? fields[name] ?? '']));
}

function faultOf(env: Environment): Fault {
  try {
    readSettings(env);
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('it was accepted');
}

describe('a session is told', () => {
  it('by the webhook all that it needs', () => {
    expect(readSettings(environmentOf())).toEqual({
      operator: 'alice',
      roleArn: 'arn:aws:iam::111122223333:role/session',
      durationSeconds: 1800,
      sessionId: ID,
      base: { kind: 'irsa', roleArn: 'arn:aws:iam::111122223333:role/base' },
      region: 'eu-central-1',
      stsEndpoint: new URL('https://sts.eu-central-1.amazonaws.com'),
      sessionTags: true,
      instanceMetadata: 'refuse',
      kubernetes: { identity: 'none' },
    });
  });

  it('of the agent on the node, with Pod Identity', () => {
    const { base } = readSettings(environmentOf({ identity: 'pod-identity', baseRole: undefined }));
    expect(base).toEqual({ kind: 'pod-identity', endpoint: new URL('http://169.254.170.23/v1/credentials') });
  });

  it('of the API server, where it has access', () => {
    const { kubernetes } = readSettings(environmentOf({ kubernetes: ACCESS }));
    expect(kubernetes).toEqual({ ...ACCESS, server: new URL(ACCESS.server), namespace: 'agents' });
  });
});

describe('refused, by the name of the variable', () => {
  const whole = environmentOf({ kubernetes: ACCESS });

  // The other two are the runtime's.
  const told = Object.keys(whole).filter((name) => /^(FAB|COUNTERSIGN)_/.test(name));

  it.each(told)('without %s', (name) => {
    for (const value of [undefined, '']) {
      const { code, message } = faultOf({ ...whole, [name]: value });
      expect(code).toBe('SessionSettingInvalid');
      expect(message).toContain(`${name} is not set. Next: `);
    }
  });

  it.each([
    ['FAB_OPERATOR', 'aws:root', 'cannot be a SourceIdentity: it contains ":"'],
    ['FAB_OPERATOR', 'alice\n', 'it contains U+000A'],
    ['FAB_SESSION_ROLE_ARN', 'arn:aws:iam::1:role/x', 'is not the ARN'],
    ['FAB_SESSION_DURATION', '899', 'is not between 900 and 3600'],
    ['FAB_SESSION_DURATION', '3601', 'is not between 900 and 3600'],
    ['FAB_SESSION_DURATION', '0x384', 'is not a number of seconds'],
    ['FAB_SESSION_ID', '../../etc', 'is not a uid'],
    ['COUNTERSIGN_IDENTITY', 'IRSA', 'is none of irsa, pod-identity'],
    ['COUNTERSIGN_REGION', 'eu-central-1.evil.example', 'is not an AWS region'],
    ['COUNTERSIGN_STS_ENDPOINT', 'http://sts.amazonaws.com', 'is not a URL with https'],
    ['COUNTERSIGN_STS_ENDPOINT', 'https://a:b@sts.amazonaws.com', 'holds a password'],
    ['COUNTERSIGN_SESSION_TAGS', 'yes', 'is none of true, false'],
    ['COUNTERSIGN_KUBERNETES_IDENTITY', 'operator', 'is none of none, pod, session'],
    ['COUNTERSIGN_KUBERNETES_CA', 'forged', 'holds no certificate'],
    ['COUNTERSIGN_NAMESPACE', 'a/b', 'is not the name of a namespace'],
  ])('%s=%j', (name, value, flaw) => {
    const { message } = faultOf({ ...whole, [name]: value });
    expect(message).toContain(name);
    expect(message).toContain(flaw);
  });

  it('whatever is put in its place: a fault, or a setting that cannot be told from a good one', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(whole)), fc.string(), (name, value) => {
        try {
          const settings = readSettings({ ...whole, [name]: value });
          expect(settings.operator).toMatch(/^[A-Za-z0-9_+=,.@-]{2,64}$/);
          expect(settings.roleArn).toMatch(/^arn:aws[a-z-]*:iam::[0-9]{12}:role\//);
        } catch (thrown) {
          expect((thrown as Fault).code).toBe('SessionSettingInvalid');
        }
      }),
    );
  });
});
