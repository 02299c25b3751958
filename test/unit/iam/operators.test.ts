import { describe, expect, it } from 'vitest';
import { operatorsOf } from '../../../src/iam/operators.ts';
import { ROLE, specWith } from './specs.ts';

const OIDC = { name: 'people', preset: 'oidc', with: { prefix: '', domains: ['example.com', 'example.org'] } };
const NOBODY_KNOWN = { name: 'people', preset: 'oidc', with: { prefix: 'oidc:' } };
const delegator = (...operators: string[]) => ({ name: 'bot', match: { username: 'bot' }, operators });

describe('whom a session role is assumed for', () => {
  it.each<[string, object, readonly string[]]>([
    ['each mail domain', { operators: [OIDC], delegators: [] }, ['*@example.com', '*@example.org']],
    [
      'what delegators may name, each once',
      { operators: [OIDC], delegators: [delegator('[a-z]+@example\\.com')] },
      ['*@example.com', '*@example.org'],
    ],
    ['one person', { operators: [], delegators: [delegator('alice@example\\.com')] }, ['alice@example.com']],
    [
      'one person whose dot was not escaped is a pattern',
      { operators: [], delegators: [delegator('ali@a\\.b|bob@a\\.b')] },
      ['*@a.b'],
    ],
  ])('%s', (_, change, globs) => {
    expect(operatorsOf(specWith(change), { arn: ROLE }, [])).toEqual(globs);
  });

  it.each<[string, object]>([
    ['names without a domain', { operators: [NOBODY_KNOWN], delegators: [] }],
    [
      'guests by object id',
      {
        operators: [{ name: 'g', preset: 'aks', with: { domains: ['example.com'], guests: true } }],
        delegators: [],
      },
    ],
    ['a pattern for any domain', { operators: [OIDC], delegators: [delegator('.+')] }],
    ['a domain with a dot for anything', { operators: [OIDC], delegators: [delegator('.+@example.com')] }],
    ['an alternative outside of the domain', { operators: [OIDC], delegators: [delegator('root|a@example\\.com')] }],
    ['a rule of its own', { operators: [{ name: 'own', match: { username: '(.+)' } }], delegators: [] }],
  ])('is asked for, not guessed: %s', (_, change) => {
    const spec = specWith(change);
    expect(() => operatorsOf(spec, { arn: ROLE }, [])).toThrow(/Next: give --operators/);
    expect(operatorsOf(spec, { arn: ROLE }, ['*'])).toEqual(['*']);
  });

  it('is the role’s own operators, unless groups may have it too', () => {
    const role = { arn: ROLE, operators: ['alice@example\\.com', 'bob@example\\.com'] };
    expect(operatorsOf(specWith(), role, ['*'])).toEqual(['alice@example.com', 'bob@example.com']);
    expect(operatorsOf(specWith(), { ...role, groups: ['admins'] }, [])).toEqual(['*@example.com']);
  });

  it.each(['', 'alice@example.com ', '${aws:username}', 'oidc:alice'])(
    'takes no glob that fits nobody: "%s"',
    (glob) => {
      expect(() => operatorsOf(specWith(), { arn: ROLE }, [glob])).toThrow(/fits no operator/);
    },
  );
});
