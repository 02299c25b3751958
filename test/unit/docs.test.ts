import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { reviewNamespace } from '../../src/admission/namespace-review.ts';
import { readReview } from '../../src/admission/review.ts';
import { applyMode } from '../../src/admission/verdict.ts';
import { DENIAL_CODES, type DenialCode, deny } from '../../src/denials.ts';
import { type GroupKind, isSameKind } from '../../src/lineage/kinds.ts';
import { REFUSAL_CODES, refusalOf } from '../../src/manifests/refusals.ts';
import { LABEL, VERB, WEBHOOKS } from '../../src/names.ts';
import { identify } from '../../src/operator/identify.ts';
import { formatProblem, readPolicy, readPolicyText } from '../../src/policy/read.ts';
import { lintPolicy } from '../../src/policy/lint.ts';
import { PRESET_NAMES } from '../../src/policy/presets.ts';
import { policySpecSchema } from '../../src/policy/schema.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

/** What the documentation says is held against the code, in both directions where it claims to be complete. */

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const files = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const policyDoc = read('docs/policy.md');

/** The members of a union of string literals, which leaves nothing behind that runs. */
function union(path: string, type: string): string[] {
  const body = new RegExp(`type ${type} =([^;]*);`).exec(read(path))?.[1] ?? '';
  return [...body.matchAll(/'([A-Za-z]+)'/g)].map(([, name = '']) => name);
}

/** Fenced blocks of a language, in their order. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, body = '']) => body);
}

/** The text under a heading, up to the next one of its rank or above. */
function section(text: string, heading: string): string {
  const prose = withoutBlocks(text);
  const found = new RegExp(`^(#+) ${heading}$`, 'm').exec(prose);
  const [start = '', rank = ''] = found ?? [];
  if (found === null) throw new Error(`there is no heading "${heading}"`);
  const begin = found.index + start.length;
  const length = prose.slice(begin).search(new RegExp(`^#{1,${rank.length}} `, 'm'));
  return text.slice(begin, length < 0 ? undefined : begin + length);
}

/** The text with its fenced blocks blanked, in which a `#` begins a comment and no heading. */
function withoutBlocks(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```$/gm, (block) => block.replace(/[^\n]/g, ' '));
}

/** Rows of the tables in a text, cells without their back ticks, headings left out. */
function rows(text: string): string[][] {
  return [...text.matchAll(/^\| (`.*) \|$/gm)].map(([, row = '']) => row.split(' | ').map((cell) => cell.trim()));
}

const firstCells = (text: string): string[] => rows(text).map(([cell = '']) => cell.replaceAll('`', ''));

describe.each(files)('%s', (file) => {
  const text = read(file);

  it('has no line over 120 characters', () => {
    expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  it('links to files and headings that exist', () => {
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)].filter(([, target = '']) => {
      if (/^https?:/.test(target)) return false;
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? file : join(dirname(file), path);
      if (!existsSync(join(root, linked))) return true;
      return anchor !== undefined && !anchors(read(linked)).has(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run (?:-s )?([a-z:]+)/g)].map(([, script = '']) => script);
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });

  it('names files of this repository that exist', () => {
    const named = [...text.matchAll(/`((?:src|test|docs|manifests|certs|bench|\.ci)\/[^\s`*…]+)`/g)];
    expect(named.map(([, path = '']) => path).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

/** As GitHub makes them. */
function anchors(text: string): Set<string> {
  const found = [...withoutBlocks(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    found.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

const PART = '# Part of spec\n';

/** A block of YAML as a policy; one that holds a part of `spec` alone is made whole. */
function wholePolicy(block: string): unknown {
  if (!block.startsWith(PART)) return parse(block);
  const session = {
    identity: 'pod-identity',
    region: 'eu-central-1',
    roles: [{ arn: 'arn:aws:iam::111122223333:role/a' }],
  };
  const operators = [{ name: 'people', preset: 'gke', with: { domains: ['example.com'] } }];
  const kind = { apiVersion: 'countersign.dev/v1alpha1', kind: 'AttributionPolicy', metadata: { name: 'part' } };
  return { ...kind, spec: { session, operators, ...(parse(block) as object) } };
}

describe('policies in the documentation', () => {
  const policies = files.flatMap((file) =>
    blocks(read(file), 'yaml')
      .filter((block) => block.includes('kind: AttributionPolicy') || block.startsWith(PART))
      .map((block, index) => ({ file, number: index + 1, block })),
  );

  it('are there', () => expect(policies.length).toBeGreaterThan(10));

  it.each(policies)('number $number in $file is accepted, and lint finds nothing to regret', ({ block }) => {
    const result = block.startsWith(PART) ? readPolicy(wholePolicy(block)) : readPolicyText(block);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual([]);
    expect(result.ok && lintPolicy(result.read)).toEqual([]);
  });

  const chains = policies.filter(({ block }) => block.includes('\nworkloads:') || block.includes('\ncarriers:'));

  it.each(chains)('number $number in $file hands on from each of its kinds down to a pod', ({ block }) => {
    const result = readPolicy(wholePolicy(block));
    if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
    const { spec, policy } = result.read;
    const leadsToPod = ({ group, kind }: GroupKind): boolean =>
      policy.carriers.some(
        ({ owner, child }) => isSameKind(owner, { group, kind }) && (child.kind === 'Pod' || leadsToPod(child)),
      );
    expect(spec.workloads.filter((kind) => !leadsToPod(kind))).toEqual([]);
    expect(spec.carriers.flatMap(({ owner }) => owner ?? []).filter((kind) => !leadsToPod(kind))).toEqual([]);
  });
});

describe('docs/policy.md', () => {
  it('has every field of the schema in its tables, and no other', () => {
    expect(firstCells(section(policyDoc, 'Fields')).toSorted()).toEqual([...fields.keys()].toSorted());
  });

  it('says which fields are required and what the others default to', () => {
    const said = rows(section(policyDoc, 'Fields')).map(([field = '', , otherwise = '']) => [
      field.replaceAll('`', ''),
      otherwise.replaceAll('`', ''),
    ]);
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(fields));
  });

  it('has every preset, each with a section', () => {
    expect(firstCells(section(policyDoc, 'Presets'))).toEqual([...PRESET_NAMES]);
    expect(headings(section(policyDoc, 'Presets'), 3)).toEqual([...PRESET_NAMES]);
  });

  it('has every code of lint, and no other', () => {
    expect(firstCells(section(policyDoc, 'Lint'))).toEqual(union('src/policy/finding.ts', 'LintCode'));
  });

  it.each(headings(policyDoc, 3).filter((heading) => section(policyDoc, heading).includes('\nOperator: ')))(
    'makes of its requester what it says: %s',
    (heading) => {
      const text = section(policyDoc, heading);
      const [policy = ''] = blocks(text, 'yaml');
      const [user = ''] = blocks(text, 'json');
      const result = readPolicy(wholePolicy(policy));
      if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
      const requester = requesterOf(JSON.parse(user));
      expect(identify(result.read.policy.identity, requester, { kind: 'none' }, 'agents')).toMatchObject({
        kind: 'direct',
        operator: /^Operator: `(.*)`$/m.exec(text)?.[1],
      });
    },
  );
});

/** By the same reader as the webhook's. */
function requesterOf(userInfo: unknown) {
  const resource = { group: '', version: 'v1', resource: 'pods' };
  const request = { uid: 'x', operation: 'CREATE', resource, userInfo, object: {} };
  return readReview({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }).requester;
}

function headings(text: string, rank: number): string[] {
  return [...withoutBlocks(text).matchAll(new RegExp(`^#{${rank}} (.*)$`, 'gm'))].map(([, heading = '']) => heading);
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly default?: unknown;
}

/** Every field below `spec` with what the table must say of it: required, its default, or none. */
const fields = new Map(fieldsOf(z.toJSONSchema(policySpecSchema, { io: 'input' }) as Schema, ''));

function fieldsOf({ properties = {}, required = [] }: Schema, prefix: string): [string, string][] {
  return Object.entries(properties).flatMap(([name, schema]): [string, string][] => {
    const path = `${prefix}${name}`;
    const otherwise = required.includes(name) ? 'required' : schema.default === undefined ? '–' : spell(schema.default);
    return [[path, otherwise], ...fieldsOf(schema.items ?? schema, schema.items ? `${path}[].` : `${path}.`)];
  });
}

function spell(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value).replaceAll('"', '').replaceAll(':', ': ');
}

describe('docs/denials.md', () => {
  const text = read('docs/denials.md');
  const denials = section(text, 'Denials');

  it('has a section for every denial, in the order of the code, and for nothing else', () => {
    expect(headings(denials, 4)).toEqual([...DENIAL_CODES]);
  });

  it.each(DENIAL_CODES)('shows %s as it is worded, and what author and admin do', (code) => {
    const own = section(denials, code);
    const [example = ''] = blocks(own, 'text');
    expect(example.replace(/\s+/g, ' ').trim()).toMatch(wordingOf(code));
    expect(own).toMatch(/^- Author: /m);
    expect(own).toMatch(/^- Admin: /m);
  });

  const refusals = section(text, 'Refusals by the API server itself');

  it('has a section for every refusal of an admission policy, in the order of the code, and for nothing else', () => {
    expect(headings(refusals, 3)).toEqual([...REFUSAL_CODES]);
  });

  it.each(REFUSAL_CODES)('shows %s as it is worded, and what author and admin do', (code) => {
    const own = section(refusals, code);
    const [example = ''] = blocks(own, 'text');
    expect(example.replace(/\s+/g, ' ').trim()).toBe(refusalOf(code));
    expect(own).toMatch(/^- Author: /m);
    expect(own).toMatch(/^- Admin: /m);
  });

  it.each<[string, string, () => readonly string[]]>([
    ['Codes that refuse nothing', 'untouched and accepted', codesThatRefuseNothing],
    ['Answers that are not decisions', 'HTTP', httpCodes],
    ['Faults of the command line', 'faults', () => union('src/errors.ts', 'FaultCode')],
  ])('%s: has every code, and no other', (heading, _, codes) => {
    expect(firstCells(section(text, heading)).toSorted()).toEqual([...codes()].toSorted());
  });
});

function codesThatRefuseNothing(): string[] {
  const unions = ['UntouchedCode', 'StampedCode'].flatMap((type) => union('src/admission/outcome.ts', type));
  const written = [
    ...read('src/admission/verdict.ts').matchAll(/return '([A-Z][A-Za-z]+)'/g),
    ...read('src/admission/namespace-review.ts').matchAll(/(?:code|\?|:) '?([A-Z][a-z][A-Za-z]+)'/g),
    ...read('src/admission/policy-review.ts').matchAll(/'(Policy[A-Z][a-z]+)'/g),
  ].map(([, code = '']) => code);
  const denials: readonly string[] = DENIAL_CODES;
  return [...new Set([...unions, ...written])].filter((code) => !denials.includes(code));
}

/** `code:` in the answers that the server makes without a decision. */
function httpCodes(): string[] {
  const server = read('src/admission/server.ts') + read('src/admission/http.ts');
  const sent = [...server.matchAll(/(?:code: '|, \d{3}, ')([A-Z][A-Za-z]+)'/g)].map(([, code = '']) => code);
  return [...new Set([...sent, 'ReviewInvalid'])];
}

const governedNamespace = readReview({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'x',
    operation: 'CREATE',
    resource: { group: '', version: 'v1', resource: 'namespaces' },
    userInfo: {},
    object: { metadata: { labels: { [LABEL.policy]: 'agents' } } },
  },
});

/** The fixed words of a denial, with anything in the places of its particulars. */
function wordingOf(code: DenialCode): RegExp {
  const anything = 'ANYTHING';
  const particulars = new Proxy({}, { get: () => anything });
  const { message } = deny(code, particulars as never);
  const words = message.split(anything).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${words.join('.*')}$`);
}

describe('docs/operations.md', () => {
  it('has every metric of Countersign, and no other', async () => {
    const metrics = await createMetrics().registry.getMetricsAsJSON();
    const names = metrics.map(({ name }) => name).filter((name) => name.startsWith('countersign_'));
    expect(firstCells(section(read('docs/operations.md'), 'Metrics')).toSorted()).toEqual(names.toSorted());
  });

  it('has every verb, and no other', () => {
    expect(firstCells(section(read('docs/operations.md'), 'Who may do what')).toSorted()).toEqual(
      Object.values(VERB).toSorted(),
    );
  });

  it('has every annotation of the audit log, and no other', () => {
    const parts = { policyName: 'p', operator: 'o', rule: 'r', delegator: 'd', operations: [] };
    const attributed = { kind: 'attributed', ...parts, roleArn: 'a', parent: 'p', warnings: [] } as const;
    const { auditAnnotations: ofPods } = applyMode(attributed, 'enforce');
    const { auditAnnotations: ofNamespaces } = reviewNamespace(governedNamespace, 0);
    const said = firstCells(section(read('docs/operations.md'), 'See who is attributed'));
    expect(said.toSorted()).toEqual([...Object.keys(ofPods), ...Object.keys(ofNamespaces)].toSorted());
  });

  it('names every webhook whose decisions stand in the audit log', () => {
    const said = section(read('docs/operations.md'), 'See who is attributed');
    const names = Object.keys(WEBHOOKS).filter(
      (name) => !name.startsWith('unenforced.') && !name.startsWith('policies.'),
    );
    expect(names.filter((name) => !said.includes(`\n| ${name} |`))).toEqual([]);
  });

  it('has every field of the log line of a decision', () => {
    const [, body = ''] = /log\.info\(\n\s+\{([\s\S]*?)\n\s+\},/.exec(read('src/admission/record.ts')) ?? [];
    const logged = [...body.matchAll(/^\s+(\w+)[,:]/gm)].map(([, name = '']) => name);
    expect(logged.length).toBeGreaterThan(8);
    const said = firstCells(section(read('docs/operations.md'), 'Logs'));
    expect(logged.filter((name) => !said.includes(name))).toEqual([]);
  });
});

describe('docs/threat-model.md', () => {
  const chapters = ['Attacks that are stopped', 'Attacks that were tried'];
  /** Each section names a file of tests, and its table, in the last column, words of a title. */
  const shown = chapters.flatMap((chapter) => {
    const attacks = section(read('docs/threat-model.md'), chapter);
    return headings(attacks, 3).flatMap((heading) => {
      const own = section(attacks, heading);
      const file = /^Shown by `(.*?)`[.:]/m.exec(own)?.[1] ?? '';
      return [...own.matchAll(/^\| (?!attack |---).* \| (.*) \|$/gm)].map(([, title = '']) => [file, title] as const);
    });
  });

  it('names tests', () => expect(shown.length).toBeGreaterThan(30));

  it.each(shown)('names a test that exists: %s: %s', (file, title) => {
    expect(read(file)).toContain(title);
  });
});
