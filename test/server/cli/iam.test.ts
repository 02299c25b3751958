import { describe, expect, it } from 'vitest';
import { SAMPLE_POLICY } from '../../../src/policy/sample.ts';
import { countersign, files } from './run.ts';

const PROVIDER = 'arn:aws:iam::111122223333:oidc-provider/oidc.example.com';

describe('countersign iam aws', () => {
  const AWS = ['--service-account', 'agents/*', '--oidc-provider', PROVIDER];

  it('prints JSON, and nothing else to standard output', async () => {
    const { 'p.yaml': path } = files({ 'p.yaml': SAMPLE_POLICY });
    const { status, stdout, stderr } = await countersign(['iam', 'aws', '-f', path, ...AWS]);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      baseRole: { arn: 'arn:aws:iam::111122223333:role/countersign-base' },
      sessionRoles: [{}, { arn: 'arn:aws:iam::111122223333:role/agent-deploy' }],
      serviceControlPolicy: { Version: '2012-10-17' },
    });
  });

  it('prints Terraform', async () => {
    const { 'p.yaml': path } = files({ 'p.yaml': SAMPLE_POLICY });
    const { status, stdout } = await countersign(['iam', 'aws', '-f', path, ...AWS, '--format', 'terraform']);
    expect(status).toBe(0);
    expect(stdout).toContain('resource "aws_iam_role" "session_agent-deploy"');
  });

  it('warns of what IAM would not store, and prints it', async () => {
    const { 'p.yaml': path } = files({ 'p.yaml': SAMPLE_POLICY });
    const many = Array.from({ length: 50 }, (_, index) => ['--operators', `somebody-${index}@example.com`]).flat();
    const { status, stdout, stderr } = await countersign(['iam', 'aws', '-f', path, ...AWS, ...many]);
    expect(status).toBe(0);
    expect(stdout).toContain('somebody-49@example.com');
    expect(stderr).toMatch(/warning: the trust policy of arn:aws:iam::111122223333:role\/agent has \d{4} characters/);
  });

  it.each<[string, string[], RegExp]>([
    ['no policy', [], /\[UsageInvalid\] --filename is needed/],
    ['no service account', ['-f', 'p.yaml'], /\[UsageInvalid\] --service-account is needed/],
    ['no file of that name', ['-f', 'gone.yaml', ...AWS], /\[FileInvalid\]/],
    ['another format', ['-f', 'p.yaml', ...AWS, '--format', 'cdk'], /Allowed choices are json, terraform/],
  ])('says what is wrong: %s', async (_, args, message) => {
    const { 'p.yaml': path } = files({ 'p.yaml': SAMPLE_POLICY });
    const { status, stdout, stderr } = await countersign([
      'iam',
      'aws',
      ...args.map((arg) => arg.replace('p.yaml', path)),
    ]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });
});

it('countersign iam kubernetes warns when the policy gives no such access', async () => {
  const { 'p.yaml': path } = files({ 'p.yaml': SAMPLE_POLICY });
  const args = [
    'iam',
    'kubernetes',
    '-f',
    path,
    '--service-account',
    'agents/runner',
    '--operator',
    'alice@example.com',
  ];
  const { status, stdout, stderr } = await countersign(args);
  expect(status).toBe(0);
  expect(stdout).toContain('kind: ClusterRoleBinding');
  expect(stderr).toContain('set session.kubernetes.identity: pod');
});
