import { describe, expect, it } from 'vitest';
import { SAMPLE_POLICY } from '../../../src/policy/sample.ts';
import { countersign, files } from './run.ts';

describe('countersign policy lint', () => {
  it('is content with the sample', async () => {
    const { 'p.yaml': path } = files({ 'p.yaml': SAMPLE_POLICY });
    expect(await countersign(['policy', 'lint', path])).toEqual({ status: 0, stdout: `${path}: ok\n`, stderr: '' });
  });

  it('warns without failing, and goes on after a file that is wrong', async () => {
    const paths = files({
      'broken.yaml': SAMPLE_POLICY.replace('region:', 'regoin:'),
      'loose.yaml': SAMPLE_POLICY.replace("'[a-z][a-z.-]*@example\\.com'", "'.*'"),
    });
    const { status, stdout, stderr } = await countersign(['policy', 'lint', paths['broken.yaml'], paths['loose.yaml']]);
    expect(stderr).toContain(`${paths['broken.yaml']}:`);
    expect(stderr).toContain('spec.session.regoin: unknown field');
    expect(stdout).toContain('loose.yaml: warning: [DelegatorWildcard]');
    expect(status).toBe(2);
    expect((await countersign(['policy', 'lint', paths['loose.yaml']])).status).toBe(0);
  });
});

it('npm start’s tour shows each decision and ends when asked to', async () => {
  const { status, stdout } = await countersign(['local', '--once']);
  expect(status).toBe(0);
  expect(stdout).not.toContain('\u001b');
  for (const part of [
    'Attributed: operator alice@example.com, rule "people"',
    'Stamped: operator alice@example.com, rule "people"',
    'HandedOn: operator alice@example.com, rule "people"',
    'refused: [NotHuman]',
    'refused: [OperatorClaimedByOther]',
    '-         - name: aws-iam-token',
    'refused: [TokenProjection]',
  ]) {
    expect(stdout).toContain(part);
  }
});
