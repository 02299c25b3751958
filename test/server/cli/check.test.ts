import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { SAMPLE_POLICY } from '../../../src/policy/sample.ts';
import { countersign, files } from './run.ts';

const POD = `apiVersion: v1
kind: Pod
metadata: {name: research, namespace: agents}
spec:
  containers: [{name: app, image: app}]
`;
const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: app}]}}}
`;
const SERVICE = 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\n';
const ALICE = ['--as', 'oidc:alice@example.com'];

async function check(pods: string, ...more: string[]) {
  const paths = files({ 'pods.yaml': pods, 'policy.yaml': SAMPLE_POLICY });
  const result = await countersign(['check', '-f', paths['pods.yaml'], '--policy', paths['policy.yaml'], ...more]);
  return { ...result, paths };
}

describe('exit status', () => {
  it('is 0 when all is admitted, and the text says for whom', async () => {
    const { status, stdout } = await check(`${POD}---\n${SERVICE}`, ...ALICE);
    expect(stdout).toContain('Pod "research"\n  admitted for operator alice@example.com (rule "people")');
    expect(stdout).toContain('Service "web"\n  admitted untouched: it makes no pods');
    expect(status).toBe(0);
  });

  it('is 1 when something is refused, and the text says why and what next', async () => {
    const { status, stdout } = await check(POD, '--as', 'system:serviceaccount:agents:default');
    expect(stdout).toMatch(/refused: \[NotHuman\] service account .+ Next: /);
    expect(status).toBe(1);
  });

  it.each([
    ['apiVersion: v1\nkind: Pod\n---\na: [', 'pods.yaml, document 2, line 4, column 5'],
    [
      'apiVersion: v1\nkind: Pod\nspec: {containers: [{env: 1}]}',
      'pods.yaml, document 1: request.object.spec.containers[0].name',
    ],
    ['kind: Pod', 'document 1: apiVersion and kind are needed'],
    ['apiVersion: v1\nkind: Pod\nkind: Pod', 'document 1, line 3'],
    ['apiVersion: apps/v1\nkind: Deployment\nspec: {}', 'document 1: spec.template is not an object'],
  ])('is 2 when it cannot be decided: %j', async (pods, message) => {
    const { status, stdout, stderr } = await check(pods, ...ALICE);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  it('is 2 for a policy that cannot be used, with line and path', async () => {
    const paths = files({ 'pod.yaml': POD, 'policy.yaml': SAMPLE_POLICY.replace('identity: irsa', 'identity: x') });
    const { status, stderr } = await countersign([
      'check',
      '-f',
      paths['pod.yaml'],
      '--policy',
      paths['policy.yaml'],
      ...ALICE,
    ]);
    expect(stderr).toContain(`${paths['policy.yaml']}:24:15 spec.session.identity: Invalid option`);
    expect(status).toBe(2);
  });
});

describe('output', () => {
  it('json is an object a line with all fields', async () => {
    const { stdout, paths } = await check(`${POD}---\n${DEPLOYMENT}---\n${SERVICE}`, ...ALICE, '-o', 'json');
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const file = paths['pods.yaml'];
    expect(lines).toEqual([
      {
        file,
        document: 1,
        kind: 'Pod',
        name: 'research',
        allowed: true,
        code: 'Attributed',
        message: null,
        operator: 'alice@example.com',
        rule: 'people',
        warnings: [],
        operations: expect.any(Array),
      },
      expect.objectContaining({
        document: 2,
        kind: 'Deployment',
        name: 'web',
        allowed: true,
        code: 'Stamped',
        operator: 'alice@example.com',
        rule: 'people',
        // Its stamp would be another one in every run, and counts only from the cluster's own keys.
        operations: [],
      }),
      expect.objectContaining({ document: 3, kind: 'Service', allowed: true, code: 'NotReviewed', operations: [] }),
    ]);
  });

  it('yaml is the resulting pods, which checked again stay as they are', async () => {
    const first = await check(POD, ...ALICE, '-o', 'yaml');
    const [document] = parseAllDocuments(first.stdout);
    expect(document?.toJS()).toMatchObject({ spec: { initContainers: [{ name: 'countersign' }] } });
    const again = await check(first.stdout, ...ALICE, '-o', 'json');
    expect(JSON.parse(again.stdout)).toMatchObject({ allowed: true, operations: [] });
  });

  it('diff shows what is added', async () => {
    const { stdout } = await check(POD, ...ALICE, '-o', 'diff');
    expect(stdout).toMatch(/^\+ +- name: FAB_OPERATOR$/m);
    expect(stdout).not.toContain('\u001b');
  });
});

describe('input', () => {
  it('comes from standard input, as a List, with groups and extra values', async () => {
    const { 'policy.yaml': policy } = files({
      'policy.yaml': `apiVersion: countersign.dev/v1alpha1
kind: AttributionPolicy
metadata: {name: p}
spec:
  operators:
    - name: sso
      match: {groups: [eng], extra: {arn: 'arn:.+'}}
      operator: {extra: sessionName}
  session: {identity: pod-identity, region: eu-central-1, roles: [{arn: 'arn:aws:iam::111122223333:role/a'}]}
`,
    });
    const list = JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { containers: [] } }],
    });
    const who = [
      '--as',
      'x',
      '--as-group',
      'eng',
      '--as-extra',
      'arn=arn:x',
      '--as-extra',
      'sessionName=alice@acme.com',
    ];
    const { status, stdout } = await countersign(['check', '-f', '-', '--policy', policy, ...who, '-o', 'json'], list);
    expect(JSON.parse(stdout)).toMatchObject({ file: '-', operator: 'alice@acme.com' });
    expect(status).toBe(0);
  });

  it('may be an AdmissionReview, which says by itself who asks', async () => {
    const review = {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: {
        uid: 'u',
        operation: 'CREATE',
        resource: { group: '', version: 'v1', resource: 'pods' },
        namespace: 'agents',
        userInfo: { username: 'oidc:bob@example.com' },
        object: { kind: 'Pod', metadata: { generateName: 'x-' }, spec: { containers: [] } },
      },
    };
    const { stdout } = await check(JSON.stringify(review), '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'Pod', name: 'x-*', operator: 'bob@example.com' });
  });
});

describe('usage', () => {
  it.each([
    [['check', '--polcy', 'x'], '--policy'],
    [['chek'], 'check'],
    [['check', '-f', 'x'], '--policy FILE is needed'],
    [['check', '--policy', 'x'], 'say what to check'],
    [['check', '--as-extra', 'x'], 'KEY=VALUE'],
    [['check', '-o', 'xml'], 'text, json, yaml, diff'],
    [['webhook', '--port', '70000'], 'port number'],
    [['constructor'], 'unknown command'],
    [['check', '-f', '/nowhere.yaml', '--policy', '/nowhere.yaml'], '/nowhere.yaml cannot be read'],
  ])('%j is an error that helps', async (args, message) => {
    const { status, stderr } = await countersign(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect(status).toBe(2);
  });

  it.each([
    [[]],
    [['webhook']],
    [['check']],
    [['policy']],
    [['policy', 'lint']],
    [['policy', 'schema']],
    [['policy', 'sample']],
    [['bootstrap']],
    [['local']],
  ])('%j --help shows an example', async (command) => {
    const { status, stdout } = await countersign([...command, '--help']);
    expect(stdout).toMatch(new RegExp(`Examples?:\n {2}countersign ${command.join(' ')}`.trimEnd()));
    expect(status).toBe(0);
  });
});
