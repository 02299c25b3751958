import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCanonical } from '../../../src/operator/canonical.ts';
import { type Claim, identify } from '../../../src/operator/identify.ts';
import type { Requester } from '../../../src/operator/requester.ts';
import { PEOPLE, policy } from '../support/policies.ts';

const NONE: Claim = { kind: 'none' };

function requester(username: string, more: Partial<Requester> = {}): Requester {
  return { username, groups: ['system:authenticated'], extra: {}, ...more };
}

function claim(value: string): Claim {
  return { kind: 'value', value, where: 'the annotation' };
}

/** The operator, or the code of the refusal. */
function who(spec: object, from: Requester, claimed: Claim = NONE): string {
  const result = identify(policy(spec).identity, from, claimed, 'agents');
  return result.kind === 'refused' ? result.denial.code : result.operator;
}

describe('a human', () => {
  it('gets the name that the first matching rule builds', () => {
    const spec = {
      operators: [
        { name: 'admins', match: { username: 'oidc:(.+)', groups: ['admins'] }, operator: { extra: 'badge' } },
        { name: 'people', match: { username: 'oidc:(.+)' } },
      ],
    };
    expect(who(spec, requester('oidc:alice'))).toBe('alice');
    expect(who(spec, requester('oidc:alice', { groups: ['admins'], extra: { badge: ['A-17'] } }))).toBe('A-17');
    // The first match decides, also when its name cannot be used.
    expect(who(spec, requester('oidc:alice', { groups: ['admins'] }))).toBe('OperatorNotClean');
    expect(who(spec, requester('alice'))).toBe('NoOperatorRule');
  });

  it('may say the own name and no other', () => {
    expect(who(PEOPLE, requester('oidc:alice'), claim('alice'))).toBe('alice');
    expect(who(PEOPLE, requester('oidc:alice'), claim('bob'))).toBe('OperatorClaimedByOther');
    expect(who(PEOPLE, requester('oidc:alice'), claim('Alice'))).toBe('OperatorClaimedByOther');
    expect(who(PEOPLE, requester('oidc:alice'), claim(''))).toBe('OperatorClaimedByOther');
    expect(who(PEOPLE, requester('oidc:alice'), { kind: 'unclear', problem: 'twice' })).toBe('OperatorClaimUnclear');
  });

  it('who left is nobody', () => {
    expect(who({ ...PEOPLE, left: ['alice'] }, requester('oidc:alice'))).toBe('OperatorLeft');
  });

  it.each(['a b', 'a', 'x'.repeat(65), 'a:b', 'a/b', 'a#b', 'a|b', 'al\u0131ce'])(
    'with the name %j is refused',
    (name) => {
      expect(['OperatorNotClean', 'RequesterUnreadable']).toContain(who(PEOPLE, requester(`oidc:${name}`)));
    },
  );

  it('is told which character is in the way', () => {
    const result = identify(policy(PEOPLE).identity, requester('oidc:a b'), NONE, 'agents');
    expect(result).toMatchObject({ denial: { message: expect.stringContaining('U+0020') } });
  });
});

describe('an extra value', () => {
  const spec = {
    operators: [{ name: 'sso', match: { extra: { arn: 'arn:.+' } }, operator: { extra: 'sessionName' } }],
  };

  it('counts when there is exactly one', () => {
    expect(who(spec, requester('x', { extra: { arn: ['arn:a'], sessionName: ['alice'] } }))).toBe('alice');
    expect(who(spec, requester('x', { extra: { arn: ['arn:a', 'arn:b'], sessionName: ['alice'] } }))).toBe(
      'NoOperatorRule',
    );
    expect(who(spec, requester('x', { extra: { arn: ['arn:a'], sessionName: ['alice', 'bob'] } }))).toBe(
      'OperatorNotClean',
    );
    expect(who(spec, requester('x', { extra: { arn: ['arn:a'] } }))).toBe('OperatorNotClean');
  });

  it('is not found on the prototype', () => {
    const odd = { operators: [{ name: 'odd', match: { username: '.+' }, operator: { extra: 'constructor' } }] };
    expect(who(odd, requester('alice'))).toBe('OperatorNotClean');
  });
});

describe('no machine is ever an operator, however wide the rules', () => {
  const WIDE = { operators: [{ name: 'wide', match: { username: '(?:.*:)?([^:]+)' } }] };

  it.each([
    'system:anonymous',
    'system:serviceaccount:team:bot',
    'system:node:ip-10-0-0-1',
    'system:kube-controller-manager',
    'system:admin',
  ])('%s', (username) => {
    expect(who(WIDE, requester(username))).toBe('NotHuman');
  });

  it.each(['system:serviceaccounts', 'system:nodes', 'system:unauthenticated'])('nobody in group %s', (group) => {
    expect(who(WIDE, requester('alice', { groups: [group] }))).toBe('NotHuman');
  });

  it.each<[string, Partial<Requester>]>([
    ['by its group', { groups: ['countersign.dev:session:0b1f'] }],
    ['by its extra', { extra: { 'countersign.dev/session': ['0b1f'] } }],
    ['by its extra in another case', { extra: { 'Countersign.dev/Session': [] } }],
  ])('no running session, seen %s', (_how, more) => {
    expect(who(WIDE, requester('alice', more))).toBe('SessionRequester');
  });

  it('no session by its own account, even if an admin made all accounts delegators', () => {
    const delegators = [{ name: 'all', match: { username: 'system:serviceaccount:.+' }, operators: ['.+'] }];
    const account = requester('system:serviceaccount:agents:fab-0b1f');
    expect(who({ ...WIDE, delegators }, account, claim('alice'))).toBe('SessionRequester');
  });

  it('no username that people could mistake for another', () => {
    expect(who(WIDE, requester('mi\u212Ae'))).toBe('RequesterUnreadable');
    expect(who(WIDE, requester(''))).toBe('RequesterUnreadable');
    expect(who(WIDE, requester('alice\n'))).toBe('RequesterUnreadable');
    expect(who(WIDE, requester('a'.repeat(3000)))).toBe('RequesterUnreadable');
  });
});

describe('a delegator', () => {
  const token = { 'authentication.kubernetes.io/credential-id': ['JTI=7c1f'] };
  const bot = requester('system:serviceaccount:platform:bot', { groups: ['system:serviceaccounts'], extra: token });
  const spec = {
    ...PEOPLE,
    delegators: [
      { name: 'bot', match: { username: 'system:serviceaccount:platform:bot' }, operators: ['[a-z]+@acme\\.com'] },
    ],
    left: ['eve@acme.com'],
  };

  it('names an operator that its rule allows', () => {
    expect(identify(policy(spec).identity, bot, claim('alice@acme.com'), 'agents')).toEqual({
      kind: 'delegated',
      operator: 'alice@acme.com',
      rule: 'bot',
      delegator: bot.username,
    });
    expect(who(spec, bot, claim('alice@evil.com'))).toBe('DelegationNotAllowed');
    expect(who(spec, bot, claim('alice@acme.com\n'))).toBe('OperatorNotClean');
    expect(who(spec, bot, claim('system:admin'))).toBe('OperatorNotClean');
    expect(who(spec, bot, claim('eve@acme.com'))).toBe('OperatorLeft');
    expect(who(spec, bot)).toBe('DelegatorNamedNobody');
  });

  it('is not believed without a token of its own, or in the namespace of its pods', () => {
    // Whoever has the built-in role edit may impersonate the accounts of the namespace, without their tokens.
    const impersonated = { ...bot, extra: {} };
    expect(who(spec, impersonated, claim('alice@acme.com'))).toBe('DelegatorDoubtful');
    expect(who(spec, { ...bot, extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=1'] } })).toBe(
      'DelegatorDoubtful',
    );
    const identified = identify(policy(spec).identity, bot, claim('alice@acme.com'), 'platform');
    expect(identified).toMatchObject({ denial: { code: 'DelegatorDoubtful' } });
  });

  it('may be a human, who then is themselves or whom the rule allows, unless they left', () => {
    const delegators = [{ name: 'lead', match: { groups: ['leads'] }, operators: ['carol'] }];
    const lead = requester('oidc:alice', { groups: ['leads'] });
    const both = { ...PEOPLE, delegators };
    expect(who(both, lead)).toBe('alice');
    expect(who(both, lead, claim('alice'))).toBe('alice');
    expect(who(both, lead, claim('carol'))).toBe('carol');
    expect(who(both, lead, claim('bob'))).toBe('DelegationNotAllowed');
    expect(who({ ...both, left: ['alice'] }, lead, claim('carol'))).toBe('OperatorLeft');
  });

  it('is only who the rule says', () => {
    expect(who(spec, requester('system:serviceaccount:platform:bot2'), claim('alice@acme.com'))).toBe('NotHuman');
    expect(who(spec, requester('oidc:alice'), claim('bob@acme.com'))).toBe('OperatorClaimedByOther');
  });
});

describe('for any requester and any rules', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[ -~]{0,70}$/));
  const requesters = fc.record({
    username: fc.oneof(
      text,
      text.map((name) => `oidc:${name}`),
      text.map((name) => `system:${name}`),
    ),
    groups: fc.array(fc.oneof(text, fc.constant('system:nodes'))),
    extra: fc.dictionary(fc.oneof(text, fc.constant('sessionName')), fc.array(text, { maxLength: 2 })),
  });
  const claims = fc.oneof(fc.constant(NONE), text.map(claim));
  const wide = policy({
    operators: [
      { name: 'extra', match: { extra: { sessionName: '.*' } }, operator: { extra: 'sessionName' } },
      { name: 'oidc', match: { username: 'oidc:(.*)' } },
      { name: 'rest', match: { username: '(.*)' } },
    ],
    delegators: [{ name: 'any', match: { username: 'system:.*' }, operators: ['.*'] }],
  }).identity;

  it('an operator is clean, or there is none', () => {
    fc.assert(
      fc.property(requesters, claims, (from, claimed) => {
        const result = identify(wide, from, claimed, 'agents');
        if (result.kind === 'refused') return;
        expect(isCanonical(result.operator)).toBe(true);
        expect(result.operator).toMatch(/^[A-Za-z0-9_+=,.@-]{2,64}$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('two users whose rule captures the whole name never become one', () => {
    const whole = policy({ operators: [{ name: 'whole', match: { username: '(.*)' } }] }).identity;
    fc.assert(
      fc.property(requesters, requesters, (one, other) => {
        fc.pre(one.username !== other.username);
        const [first, second] = [identify(whole, one, NONE, 'agents'), identify(whole, other, NONE, 'agents')];
        if (first.kind === 'direct' && second.kind === 'direct') expect(first.operator).not.toBe(second.operator);
      }),
      { numRuns: 2_000 },
    );
  });
});
