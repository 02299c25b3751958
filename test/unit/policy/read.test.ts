import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { crdYaml } from '../../../src/commands/policy.ts';
import { formatProblem, readPolicyText } from '../../../src/policy/read.ts';
import { SAMPLE_POLICY } from '../../../src/policy/sample.ts';
import { policyObject, problems, read } from '../support/policies.ts';

/** What is wrong with a policy as text. */
function wrong(text: string): string[] {
  const result = readPolicyText(text);
  return result.ok ? [] : result.problems.map(formatProblem);
}

describe('a policy file', () => {
  it('that is right is read, with defaults filled in', () => {
    expect(wrong(SAMPLE_POLICY)).toEqual([]);
    expect(read().spec).toMatchObject({
      pods: { all: true },
      operators: [],
      session: { durationSeconds: 1800, delivery: 'sidecar' },
      podSecurity: 'namespace',
    });
  });

  it('that is wrong is refused with the line of each problem', () => {
    const broken = SAMPLE_POLICY.replace('domains: [example.com]', 'domans: [example.com]')
      .replace('identity: irsa', 'identity: magic')
      .replace('  session:', '  sesion: {}\n  session:');
    expect(wrong(broken)).toEqual([
      '14:17 spec.operators[0].with.domans: unknown field',
      '25:15 spec.session.identity: Invalid option: expected one of "irsa"|"pod-identity"',
      '23:3 spec.sesion: unknown field',
    ]);
  });

  it.each([
    ['', 'empty'],
    ['a: b\n---\nc: d\n', '2 documents'],
    ['a: [', 'not YAML'],
    ['a: 1\na: 2\n', 'not YAML'],
    [
      'a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]',
      'alias',
    ],
    ['[]', 'expected object'],
  ])('%j is no policy', (text, message) => {
    expect(wrong(text).join('\n')).toContain(message);
  });
});

describe('the schema refuses', () => {
  const rule = (more: object) => policyObject({ operators: [{ name: 'r', ...more }] });

  it.each<[string, object, string]>([
    [
      'a name that no label can hold',
      { ...policyObject(), metadata: { name: 'a.b' } },
      'metadata.name: must be a DNS label',
    ],
    ['a rule without a condition', rule({ match: {} }), 'an empty match is everybody'],
    ['a rule with both', rule({ preset: 'gke', match: { username: '(.+)' } }), 'either preset or match'],
    ['a rule with neither', rule({}), 'either preset or match'],
    ['a rule whose capture is missing', rule({ match: { username: '.+' } }), 'has 0 capture groups'],
    ['a rule that captures from nothing', rule({ match: { groups: ['x'] } }), 'a capture group needs match.username'],
    ['a pattern that is none', rule({ match: { username: '(.+' } }), 'spec.operators[0].match.username: is not RE2'],
    ['a pattern with flags', rule({ match: { username: '(?i)(.+)' } }), 'inline flags'],
    [
      'two rules of one name',
      policyObject({
        operators: [{ name: 'a', match: { username: '(x)' } }],
        delegators: [{ name: 'a', match: { username: 'y' }, operators: ['z'] }],
      }),
      'two rules are named "a"',
    ],
    [
      'an AWS audience',
      policyObject({ allow: { tokenAudiences: ['sts.amazonaws.com'] } }),
      'spec.allow.tokenAudiences[0]: a token for',
    ],
    [
      'an audience of the API server',
      policyObject({ allow: { tokenAudiences: ['vault', 'https://kubernetes.default.svc'] } }),
      'spec.allow.tokenAudiences[1]: a token for',
    ],
    ['pods by two things', policyObject({ pods: { all: true, labels: { a: 'b' } } }), 'exactly one of'],
    [
      'too long a duration',
      policyObject({
        session: {
          identity: 'pod-identity',
          region: 'eu-central-1',
          roles: [{ arn: 'arn:aws:iam::111122223333:role/a' }],
          durationSeconds: 3601,
        },
      }),
      'spec.session.durationSeconds',
    ],
    [
      'a role that kubelet would expand',
      policyObject({
        session: {
          identity: 'pod-identity',
          region: 'eu-central-1',
          roles: [{ arn: 'arn:aws:iam::111122223333:role/$(X)/a' }],
        },
      }),
      'must be the ARN',
    ],
    [
      'irsa without a base role',
      policyObject({
        session: { identity: 'irsa', region: 'eu-central-1', roles: [{ arn: 'arn:aws:iam::111122223333:role/a' }] },
      }),
      'spec.session.baseRole',
    ],
    [
      'a request above its limit, which every pod would be refused for',
      policyObject({
        session: {
          identity: 'pod-identity',
          region: 'eu-central-1',
          roles: [{ arn: 'arn:aws:iam::111122223333:role/a' }],
          resources: { limits: { memory: '32Mi' } },
        },
      }),
      'spec.session.resources.limits.memory: the request of 40Mi',
    ],
    [
      'patterns that take more memory than a policy may',
      policyObject({
        operators: Array.from({ length: 60 }, (_, index) => ({
          name: `r${index}`,
          match: { username: `(${index}[a-z]{1,900})` },
        })),
      }),
      'take more memory',
    ],
  ])('%s', (_title, object, message) => {
    expect(problems(object).join('\n')).toContain(message);
  });
});

describe('manifests/', () => {
  const manifest = (name: string): string =>
    readFileSync(new URL(`../../../manifests/${name}`, import.meta.url), 'utf8');

  it('holds the CRD that the schema makes', () => {
    expect(manifest('crd.yaml')).toBe(crdYaml());
  });

  it('holds the sample policy', () => {
    expect(manifest('sample-policy.yaml')).toBe(SAMPLE_POLICY);
  });
});
