import { describe, expect, test } from 'vitest';
import { isPassing, remedyFor, StsRefusal } from '../../../src/session/sts/refusal.ts';

describe('what errors of STS ask for', () => {
  test.for([
    [400, 'Throttling', true],
    [400, 'IDPCommunicationError', true],
    [429, '', true],
    [500, 'InternalFailure', true],
    [503, '', true],
    [403, 'AccessDenied', false],
    [403, 'RegionDisabledException', false],
    [400, 'PackedPolicyTooLarge', false],
    [400, 'ValidationError', false],
    [400, 'IDPRejectedClaim', false],
    [400, 'MalformedPolicyDocument', false],
    [400, 'ExpiredTokenException', false],
  ] as const)('%i %s: another attempt %s', ([status, code, passes]) => {
    expect(isPassing(status, code)).toBe(passes);
  });

  test.for([
    ['ExpiredToken', true],
    ['ExpiredTokenException', true],
    ['InvalidIdentityToken', true],
    ['AccessDenied', false],
  ] as const)('%s: a newer token %s', ([code, stale]) => {
    expect(new StsRefusal(code, '', undefined).isStale).toBe(stale);
  });

  test.for([
    ['AccessDenied', 'base', 0, 'trust policy of the base role'],
    ['AccessDenied', 'session', 0, 'sts:SetSourceIdentity'],
    // A clock that is off explains a signature, and not a denial.
    ['AccessDenied', 'session', 4000, 'sts:SetSourceIdentity'],
    ['SignatureDoesNotMatch', 'session', 4000, '4000 seconds ahead of'],
    ['SignatureDoesNotMatch', 'session', -4000, '4000 seconds behind'],
    ['SignatureDoesNotMatch', 'session', 10, 'API reference'],
    ['RequestExpired', 'session', undefined, 'API reference'],
    ['ExpiredTokenException', 'base', 0, 'kubelet renews'],
    ['IDPRejectedClaim', 'base', 0, 'OIDC provider'],
    ['RegionDisabledException', 'session', 0, 'enable STS'],
    ['PackedPolicyTooLarge', 'session', 0, 'session tags'],
    ['ValidationError', 'session', 0, 'duration'],
    ['SomethingNew', 'session', 0, 'API reference'],
  ] as const)('%s of the %s role, clock off by %s: what to do', ([code, step, ahead, says]) => {
    expect(remedyFor(new StsRefusal(code, '', ahead), step)).toContain(says);
  });

  test('what STS says becomes one line of bounded length', () => {
    const { message } = new StsRefusal('Access\u001b[31mDenied', `not\nauthorized ${'x'.repeat(10_000)}`, undefined);
    expect(message).toMatch(/^[\x20-\x7e]+…$/);
    expect(message.length).toBeLessThan(500);
  });
});
