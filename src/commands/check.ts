import { text as readStream } from 'node:stream/consumers';
import { Command, InvalidArgumentError, Option } from 'commander';
import { diffOf, paint, yamlOf } from '../check/diff.ts';
import { examine, type Finding, patched } from '../check/examine.ts';
import { type Subject, subjectsOf } from '../check/subjects.ts';
import { Fault } from '../errors.ts';
import { readPolicyFile, readText } from '../files/policy.ts';
import type { Requester } from '../operator/requester.ts';

import { needed } from './options.ts';

type Format = 'text' | 'json' | 'yaml' | 'diff';

interface Options {
  readonly filename: readonly string[];
  readonly policy?: string;
  readonly as?: string;
  readonly asGroup: readonly string[];
  readonly asExtra: Readonly<Record<string, readonly string[]>>;
  readonly output: Format;
  readonly sessionImage: string;
}

/** `countersign check`: the webhook's decision, offline. */
export function command(): Command {
  return new Command('check')
    .description('decide on pods, workloads or AdmissionReviews in files as the webhook would')
    .option('-f, --filename <file>', 'file to check, - for standard input; may be given more than once', append, [])
    .option('--policy <file>', 'the policy to decide by')
    .option('--as <user>', 'who creates the objects, as the API server names them')
    .option('--as-group <group>', 'a group of that user; may be given more than once', append, [])
    .option('--as-extra <key=value>', 'an extra value of that user; may be given more than once', appendExtra, {})
    .addOption(
      new Option('-o, --output <format>', 'what to print').choices(['text', 'json', 'yaml', 'diff']).default('text'),
    )
    .option('--session-image <image>', 'image of the session container', 'countersign')
    .addHelpText(
      'after',
      `
Exit status: 0 all admitted, 1 something refused, 2 it could not be decided.

Example:
  countersign check -f pod.yaml --policy policy.yaml --as oidc:alice@example.com --as-group engineering -o diff`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  if (options.filename.length === 0)
    throw new Fault('UsageInvalid', 'say what to check: -f FILE, or -f - for standard input');
  const { policy } = await readPolicyFile(needed(options.policy, '--policy FILE'));
  const requester: Requester | undefined =
    options.as === undefined ? undefined : { username: options.as, groups: options.asGroup, extra: options.asExtra };
  const subjects: Subject[] = [];
  for (const file of options.filename) {
    const text = file === '-' ? await readStream(process.stdin) : await readText(file);
    subjects.push(...subjectsOf(file, text, requester));
  }
  // Everything is decided before anything is printed: a fault leaves no half a report.
  const results: { subject: Subject; finding: Finding }[] = [];
  for (const subject of subjects) {
    results.push({ subject, finding: await examine(subject, policy, options.sessionImage) });
  }
  const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  const blocks = results.map(({ subject, finding }) => FORMATS[options.output](subject, finding, colour));
  if (blocks.length > 0) console.log(blocks.join(options.output === 'yaml' ? '---\n' : '\n').replace(/\n$/, ''));
  if (results.some(({ finding }) => !finding.allowed)) process.exitCode = 1;
}

const FORMATS: Readonly<Record<Format, (subject: Subject, finding: Finding, colour: boolean) => string>> = {
  text: (_subject, finding, colour) => explain(finding, colour),
  json: (_subject, finding) => JSON.stringify(finding),
  yaml: ({ review }, finding) =>
    finding.allowed && review?.object !== undefined
      ? yamlOf(patched(review.object, finding.operations))
      : `# ${finding.kind} "${finding.name}": ${finding.message ?? finding.code}\n`,
  diff: ({ review }, finding, colour) =>
    finding.operations.length > 0 && review?.object !== undefined
      ? `${explain(finding, colour)}\n${diffOf(review.object, patched(review.object, finding.operations), { colour })}`
      : explain(finding, colour),
};

/** One paragraph for a person. */
export function explain(finding: Finding, colour: boolean): string {
  const { allowed, code, message, operator, rule, warnings } = finding;
  const what = `${finding.file}, document ${finding.document}: ${finding.kind} "${finding.name}"`;
  const by = `for operator ${operator} (rule "${rule}")`;
  const attributed = code === 'Stamped' ? `stamped ${by}` : `admitted ${by}, ${finding.operations.length} changes`;
  const untouched = `admitted untouched: ${UNTOUCHED[code] ?? code}`;
  const decision = allowed ? (operator === null ? untouched : attributed) : `refused: ${message}`;
  return [
    `${what}\n  ${paint(allowed ? 'green' : 'red', decision, colour)}`,
    ...warnings.map((warning) => `  ${paint('yellow', `warning: ${warning}`, colour)}`),
  ].join('\n');
}

const UNTOUCHED: Readonly<Record<string, string>> = {
  NotReviewed: 'it makes no pods',
  NotSelected: 'the policy does not select this pod',
  MirrorPod: "it is a node's mirror pod",
};

function append(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function appendExtra(text: string, before: Readonly<Record<string, readonly string[]>>) {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be KEY=VALUE.');
  const key = text.slice(0, at);
  return { ...before, [key]: [...(before[key] ?? []), text.slice(at + 1)] };
}
