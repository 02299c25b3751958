import { describe, expect, it } from 'vitest';
import { formatFinding } from '../../../src/policy/finding.ts';
import { lintPolicy } from '../../../src/policy/lint.ts';
import { readPolicyText } from '../../../src/policy/read.ts';
import { SAMPLE_POLICY } from '../../../src/policy/sample.ts';
import { read } from '../support/policies.ts';

function lint(spec: object): string[] {
  return lintPolicy(read({ operators: [username('ok', '([a-z]+@acme\\.com)')], ...spec })).map(formatFinding);
}

function username(name: string, pattern: string, more: object = {}): object {
  return { name, match: { username: pattern, ...more } };
}

function delegator(...operators: string[]): object {
  return { delegators: [{ name: 'bot', match: { username: 'bot' }, operators }] };
}

function roles(...rules: object[]): object {
  const arn = 'arn:aws:iam::111122223333:role/agent';
  return {
    session: { identity: 'pod-identity', region: 'eu-central-1', roles: rules.map((rule) => ({ arn, ...rule })) },
  };
}

describe('lint is silent about', () => {
  it('the sample policy', () => {
    const result = readPolicyText(SAMPLE_POLICY);
    expect(result.ok && lintPolicy(result.read)).toEqual([]);
  });

  it('rules, delegators and roles that fit together', () => {
    expect(
      lint({ ...delegator('[a-z]+@acme\\.com'), ...roles({ operators: ['alice@acme\\.com'] }, { groups: ['x'] }) }),
    ).toEqual([]);
  });

  it('patterns that it cannot analyse', () => {
    expect(
      lint({ operators: [username('a', '(\\pL+)@acme\\.com'), username('b', '((?:a{0,30}){0,30})')] }).join(),
    ).not.toContain('Error');
  });
});

describe('lint warns of', () => {
  it.each<[string, object, string, string?]>([
    ['labels that an author may leave out', { pods: { labels: { agent: 'true' } } }, 'PodsEscapable'],
    ['accounts that an author may change', { pods: { serviceAccounts: ['agent'] } }, 'PodsEscapable'],
    ['a policy in which nobody is an operator', { operators: [] }, 'NobodyIsOperator'],
    [
      'a rule that never decides',
      { operators: [username('a', 'x:([a-z]+)'), username('b', 'x:([a-c]+)')] },
      'RuleUnreachable',
      '"a"',
    ],
    [
      'rules that overlap, with an example',
      { operators: [username('a', 'x:([a-m]+)'), username('b', 'x:([m-z]+)')] },
      'RulesOverlap',
      '"x:m',
    ],
    [
      'rules that make one name of two users',
      { operators: [username('a', 'x:([a-z]+)'), username('b', 'y:([a-z]+)')] },
      'NamesCollide',
      '"aaa"',
    ],
    [
      'a rule that does so by itself',
      { operators: [username('a', '([a-z]+)@.+')] },
      'NamesCollide',
      'outside the capture group',
    ],
    ['a delegator that may name anybody', delegator('.*'), 'DelegatorWildcard'],
    ['another spelling of that', delegator('x', '[\\s\\S]{0,200}'), 'DelegatorWildcard'],
    [
      'a delegator that makes the pods of every template',
      { delegators: [{ name: 'bot', match: { username: 'system:serviceaccount:.+' }, operators: ['alice'] }] },
      'DelegatorIsController',
    ],
    ['a role that no rule leads to', roles({ operators: ['[a-z]+@other\\.com'] }), 'RoleUnused'],
    ['a role whose operators cannot exist', roles({ operators: ['a:b'] }), 'RoleUnused'],
    ['a name on the list that is none', { left: ['alice acme'] }, 'LeftNeverMatches', 'U+0020'],
  ])('%s', (_title, spec, code, part = '') => {
    const findings = lint(spec);
    expect(findings).toContainEqual(expect.stringContaining(`[${code}]`));
    expect(findings.join('\n')).toContain(part);
  });

  it('nothing else in those cases', () => {
    expect(lint({ operators: [username('a', 'x:([a-m]+)'), username('b', 'y:([n-z]+)')] })).toEqual([]);
    expect(lint(delegator('[^@]+@acme\\.com'))).toEqual([]);
  });

  it('without listing what a pattern matches, which doubles with every alternative', () => {
    const pattern = (last: string): string => `((?:[0-9][0-9]|[a-f][g-z]){28}${last})`;
    expect(lint({ operators: [username('a', pattern('x')), username('b', pattern('[x-z]'))] }).join()).toMatch(
      /\[Rule/,
    );
  });

  it('no overlap where another condition tells the rules apart only', () => {
    const rules = [username('a', 'x:([a-z]+)', { groups: ['admins'] }), username('b', 'x:([a-z]+)')];
    expect(lint({ operators: rules })).toEqual([expect.stringContaining('[RulesOverlap] spec.operators[1]')]);
  });
});
