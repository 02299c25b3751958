import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type AwsPolicies, awsPolicies } from '../../../src/iam/aws.ts';
import { awsFacts } from '../../../src/iam/facts.ts';
import { kubernetesRbac } from '../../../src/iam/kubernetes.ts';
import { terraformOf } from '../../../src/iam/terraform.ts';
import { readPolicyText } from '../../../src/policy/read.ts';
import { SAMPLE_POLICY } from '../../../src/policy/sample.ts';
import { CLUSTER, PROVIDER } from './specs.ts';

/** What the documentation shows is what is printed for the sample policy. */

const read = (path: string) => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8');

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, body = '']) => body);
}

function sample(session: object = {}) {
  const result = readPolicyText(SAMPLE_POLICY);
  if (!result.ok) throw new Error('the sample is no policy');
  const { spec } = result.read;
  return { ...spec, session: { ...spec.session, ...session } };
}

const OPTIONS = { serviceAccount: ['agents/runner'], operators: [] };
const irsa = awsPolicies(awsFacts(sample(), { ...OPTIONS, oidcProvider: PROVIDER }));

it('docs/aws-iam.md shows every policy in its order', () => {
  const changed = sample({ identity: 'pod-identity', baseRole: undefined });
  const own = { cluster: CLUSTER, baseRole: irsa.baseRole.arn };
  const podIdentity: AwsPolicies = awsPolicies(awsFacts(changed, { ...OPTIONS, ...own }));
  const shown = blocks(read('docs/aws-iam.md'), 'json').map((block) => JSON.parse(block) as unknown);
  const [session] = irsa.sessionRoles;
  const policies = [
    irsa.baseRole.trustPolicy,
    podIdentity.baseRole.trustPolicy,
    irsa.baseRole.permissionsPolicy,
    session?.trustPolicy,
    session?.permissionsPolicy,
    irsa.serviceControlPolicy,
  ];
  expect(shown).toEqual(policies.map((policy) => policy?.Statement));
});

it('docs/aws-iam.md shows how the Terraform begins', () => {
  const [block = ''] = blocks(read('docs/aws-iam.md'), 'hcl');
  const text = terraformOf(irsa);
  expect(text.slice(text.indexOf('resource')).startsWith(block)).toBe(true);
});

it('docs/session.md shows the RBAC', () => {
  const printed = kubernetesRbac(sample(), {
    serviceAccount: 'agents/runner',
    operator: ['alice@example.com', 'bob@example.com'],
    clusterRole: 'view',
  });
  const shown = blocks(read('docs/session.md'), 'yaml').filter((block) => block.includes('impersonate'));
  expect(shown.filter((block) => printed.includes(block))).toHaveLength(1);
});
