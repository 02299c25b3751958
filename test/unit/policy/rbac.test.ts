import { describe, expect, it } from 'vitest';
import { type Access, allows, grantsOf, holdersOf, type RbacRule, titleOfSubject } from '../../../src/policy/rbac.ts';
import { account, clusterView, EVERYTHING, type Given, group, rule, user } from '../support/rbac.ts';

const MINT: Access = {
  verbs: ['create'],
  group: '',
  resource: 'serviceaccounts/token',
  object: (name) => name === 'robot',
  namespace: 'platform',
};
const CREATE: Access = { verbs: ['create'], group: '', resource: 'pods', object: 'unnamed', namespace: 'platform' };
const UPDATE: Access = { ...CREATE, verbs: ['update', 'patch'], object: 'any' };

describe('a rule gives a right', () => {
  it.each<[string, RbacRule, Access, boolean]>([
    ['by verb, group and resource', rule('create', '', 'serviceaccounts/token'), MINT, true],
    ['by stars', EVERYTHING, MINT, true],
    ['by a star for the verb', rule('*', '', 'serviceaccounts/token'), MINT, true],
    ['by a star for the resource', rule('create', '', '*'), MINT, true],
    ['by a subresource of everything', rule('create', '', '*/token'), MINT, true],
    ['for any of several verbs', rule('patch', '', 'pods'), UPDATE, true],
    ['for an object by its name', rule('create', '', 'serviceaccounts/token', 'other', 'robot'), MINT, true],
    ['for some object, by a name', rule('update', '', 'pods', 'x'), UPDATE, true],
    ['not by another verb', rule('get', '', 'serviceaccounts/token'), MINT, false],
    ['not in another group', rule('create', 'apps', 'serviceaccounts/token'), MINT, false],
    ['not by the resource alone', rule('create', '', 'serviceaccounts'), MINT, false],
    ['not by another subresource of everything', rule('create', '', '*/status'), MINT, false],
    ['not by a subresource of everything', rule('create', '', '*/pods'), CREATE, false],
    ['not for another object', rule('create', '', 'serviceaccounts/token', 'other'), MINT, false],
    ['not without a name, by a name', rule('create', '', 'pods', 'x'), CREATE, false],
    ['without a name, by the empty one', rule('create', '', 'pods', ''), CREATE, true],
    ['not by part of a verb', rule('create:x', '', 'serviceaccounts/token'), MINT, false],
  ])('%s', (_title, given, access, expected) => {
    expect(allows(given, access)).toBe(expected);
  });
});

describe('who holds a right', () => {
  const holders = (access: Access, ...given: Given[]) =>
    holdersOf(grantsOf(clusterView({}, given).rbac), [access]).map(
      ({ subject, bindings }) => `${titleOfSubject(subject)} by ${bindings.join(', ')}`,
    );
  const [alice, robot] = [user('alice'), account('platform', 'robot')];
  const rules = [rule('create', '', 'pods')];

  it('follows from bindings of the namespace and of the cluster', () => {
    expect(holders(CREATE, { in: 'platform', to: [alice, group('dev')], rules }, { to: [robot], rules })).toEqual([
      'Group "dev" by RoleBinding "platform/b0"',
      'ServiceAccount "platform/robot" by ClusterRoleBinding "b1"',
      'User "alice" by RoleBinding "platform/b0"',
    ]);
  });

  it('does not follow from another namespace', () => {
    expect(holders(CREATE, { in: 'elsewhere', to: [alice], rules })).toEqual([]);
  });

  it('does not follow, for what is cluster-scoped, from a namespace', () => {
    const access = { ...CREATE, namespace: undefined };
    expect(holders(access, { in: 'platform', to: [alice], rules })).toEqual([]);
    expect(holders(access, { to: [alice], rules })).toHaveLength(1);
  });

  it('names every binding, once', () => {
    expect(
      holders(CREATE, { to: [alice], rules: [...rules, EVERYTHING] }, { in: 'platform', to: [alice], rules }),
    ).toEqual(['User "alice" by ClusterRoleBinding "b0", RoleBinding "platform/b1"']);
  });

  it('takes a Role from its own namespace, and not a ClusterRole of that name', () => {
    const binding = { namespace: 'platform', name: 'b', role: { kind: 'Role', name: 'r' }, subjects: [alice] };
    const roleIn = (namespace: string | undefined) => ({
      roles: [{ namespace, name: 'r', rules }],
      bindings: [binding],
    });
    expect(holdersOf(grantsOf(roleIn('platform')), [CREATE])).toHaveLength(1);
    expect(holdersOf(grantsOf(roleIn('elsewhere')), [CREATE])).toEqual([]);
    expect(holdersOf(grantsOf(roleIn(undefined)), [CREATE])).toEqual([]);
  });

  it('knows a service account that is bound by its username', () => {
    expect(
      holders(CREATE, { to: [user('system:serviceaccount:platform:robot')], rules }, { to: [robot], rules }),
    ).toEqual(['ServiceAccount "platform/robot" by ClusterRoleBinding "b0", ClusterRoleBinding "b1"']);
  });

  it('is told without control characters', () => {
    expect(holders(CREATE, { to: [user('\u001b[2Jalice')], rules })).toEqual([expect.not.stringContaining('\u001b')]);
  });
});
