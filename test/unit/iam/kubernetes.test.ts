import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type KubernetesOptions, kubernetesRbac } from '../../../src/iam/kubernetes.ts';
import { specWith } from './specs.ts';

const OPTIONS: KubernetesOptions = { serviceAccount: 'agents/runner', operator: ['alice@example.com'] };
const objects = (options: KubernetesOptions) =>
  parseAllDocuments(kubernetesRbac(specWith(), options)).map((document) => document.toJS() as Record<string, unknown>);

describe('RBAC of sessions', () => {
  it('impersonates these operators, marks sessions, and gives nothing else', () => {
    const made = objects({ ...OPTIONS, operator: ['alice@example.com', 'bob@example.com', 'alice@example.com'] });
    expect(made.map(({ kind }) => kind)).toEqual(['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding']);
    expect(made[1]?.['rules']).toEqual([
      {
        apiGroups: [''],
        resources: ['users'],
        resourceNames: ['alice@example.com', 'bob@example.com'],
        verbs: ['impersonate'],
      },
      {
        apiGroups: ['authentication.k8s.io'],
        resources: ['userextras/countersign.dev/session'],
        verbs: ['impersonate'],
      },
    ]);
    expect(made[2]?.['subjects']).toEqual([{ kind: 'ServiceAccount', name: 'runner', namespace: 'agents' }]);
  });

  it('gives the operators a role in the namespace alone when asked to', () => {
    expect(objects({ ...OPTIONS, clusterRole: 'view' })[3]).toMatchObject({
      kind: 'RoleBinding',
      metadata: { namespace: 'agents' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'User', name: 'alice@example.com' }],
    });
  });

  it.each<[string, KubernetesOptions, RegExp]>([
    ['nobody, which RBAC takes for everybody', { ...OPTIONS, operator: [] }, /nobody to impersonate/],
    ['a system identity', { ...OPTIONS, operator: ['system:admin'] }, /is no operator: it contains ":"/],
    ['every account', { ...OPTIONS, serviceAccount: 'agents/*' }, /is no service account/],
    ['no account', { operator: ['alice@example.com'] }, /is no service account/],
  ])('refuses %s', (_, options, message) => {
    expect(() => kubernetesRbac(specWith(), options)).toThrow(message);
    expect(() => kubernetesRbac(specWith(), options)).toThrow(/Next: /);
  });

  it('refuses who has left', () => {
    expect(() => kubernetesRbac(specWith({ left: ['alice@example.com'] }), OPTIONS)).toThrow(/has left/);
  });
});
