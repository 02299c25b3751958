import { describe, expect, it } from 'vitest';
import { podWith } from '../support/pods.ts';
import { attributed, codeFor } from '../support/reviews.ts';

function env(...entries: object[]): object {
  return { containers: [{ name: 'app', env: entries }, { name: 'other' }] };
}

const own = { name: 'FAB_OPERATOR', value: 'alice' };

describe('the operator that a pod names', () => {
  it.each<[string, object, object, string]>([
    ['is the own one', env(own), {}, 'attributed'],
    ['is another', env({ name: 'FAB_OPERATOR', value: 'bob' }), {}, 'OperatorClaimedByOther'],
    [
      'is another by annotation',
      {},
      { annotations: { 'countersign.dev/on-behalf-of': 'bob' } },
      'OperatorClaimedByOther',
    ],
    ['is the own one by annotation', {}, { annotations: { 'countersign.dev/on-behalf-of': 'alice' } }, 'attributed'],
    ['is two', env(own), { annotations: { 'countersign.dev/on-behalf-of': 'bob' } }, 'OperatorClaimUnclear'],
    ['is given twice', env(own, own), {}, 'OperatorClaimUnclear'],
    [
      'comes from elsewhere',
      env({ name: 'FAB_OPERATOR', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }),
      {},
      'OperatorClaimUnclear',
    ],
    ['refers to a variable', env({ name: 'FAB_OPERATOR', value: '$(X)' }), {}, 'OperatorClaimUnclear'],
    ['is blank', env({ name: 'FAB_OPERATOR' }), {}, 'OperatorClaimedByOther'],
    [
      'differs between containers',
      {
        containers: [
          { name: 'a', env: [own] },
          { name: 'b', env: [{ name: 'FAB_OPERATOR', value: 'bob' }] },
        ],
      },
      {},
      'OperatorClaimUnclear',
    ],
    [
      'stands in an init container',
      { initContainers: [{ name: 'i', env: [{ name: 'FAB_OPERATOR', value: 'bob' }] }] },
      {},
      'OperatorClaimedByOther',
    ],
  ])('%s', (_title, spec, metadata, code) => {
    expect(codeFor(podWith(spec, metadata))).toBe(code);
  });
});

describe('the role that a pod asks for', () => {
  const arn = (name: string): string => `arn:aws:iam::111122223333:role/${name}`;
  const session = {
    identity: 'pod-identity',
    region: 'eu-central-1',
    roles: [
      { arn: arn('admin'), groups: ['admins'] },
      { arn: arn('agent') },
      { arn: arn('alice'), operators: ['alice'] },
      { arn: arn('bob'), operators: ['bob'] },
    ],
  };
  const asking = (name: string) => podWith(env({ name: 'FAB_SESSION_ROLE_ARN', value: arn(name) }));

  it.each([
    ['agent', 'attributed'],
    ['alice', 'attributed'],
    ['bob', 'RoleNotAllowed'],
    ['admin', 'RoleNotAllowed'],
    ['unknown', 'RoleNotAllowed'],
  ])('%s: %s', (name, code) => {
    expect(codeFor(asking(name), { session })).toBe(code);
  });

  it('is the first that fits when it asks for none', () => {
    expect(JSON.stringify(attributed(podWith(), { session }))).toContain(arn('agent'));
    const admin = { username: 'oidc:alice', groups: ['admins'], extra: {} };
    expect(JSON.stringify(attributed(podWith(), { session }, admin))).toContain(arn('admin'));
  });

  it('is never one of the delegator’s groups', () => {
    const extra = { 'authentication.kubernetes.io/credential-id': ['JTI=1'] };
    const bot = { username: 'system:serviceaccount:p:bot', groups: ['admins'], extra };
    const delegators = [{ name: 'bot', match: { username: bot.username }, operators: ['carol'] }];
    const pod = podWith(
      env({ name: 'FAB_OPERATOR', value: 'carol' }, { name: 'FAB_SESSION_ROLE_ARN', value: arn('admin') }),
    );
    expect(codeFor(pod, { session, delegators }, bot)).toBe('RoleNotAllowed');
  });

  it('must be plain', () => {
    const entry = { name: 'FAB_SESSION_ROLE_ARN', value: arn('agent') };
    expect(codeFor(podWith(env(entry, entry)), { session })).toBe('RoleClaimUnclear');
  });

  it('where no role fits there is no session', () => {
    expect(codeFor(podWith(), { session: { ...session, roles: [{ arn: arn('bob'), operators: ['bob'] }] } })).toBe(
      'NoRole',
    );
  });
});
