import type { AwsPolicies, RolePolicies } from './aws.ts';

/** A Terraform value that is plain data. */
type Value = string | readonly Value[] | { readonly [key: string]: Value | undefined };

/**
 * The same policies for Terraform and OpenTofu (HCL, provider hashicorp/aws), laid out as `terraform fmt` does it.
 */
export function terraformOf({ baseRole, sessionRoles, serviceControlPolicy }: AwsPolicies): string {
  const labels = labelsOf(sessionRoles);
  return [
    '# Made by: countersign iam aws --format terraform\n# Roles that exist already: terraform import.\n',
    ...roleOf('countersign_base', baseRole, 'sessions'),
    ...sessionRoles.flatMap((role, index) => [
      '# What the agents may do is yours to attach to this role.\n',
      ...roleOf(labels[index] ?? '', role, 'denials'),
    ]),
    '# To be attached to the accounts of the session roles: aws_organizations_policy_attachment.\n',
    block('resource "aws_organizations_policy" "countersign"', [
      ['name', text('countersign')],
      ['type', text('SERVICE_CONTROL_POLICY')],
      ['content', json(serviceControlPolicy as unknown as Value)],
    ]),
  ].join('\n');
}

function roleOf(label: string, { arn, trustPolicy, permissionsPolicy }: RolePolicies, policy: string): string[] {
  const [, path = '/', name = ''] = /:role(\/(?:.*\/)?)([^/]+)$/.exec(arn) ?? [];
  return [
    block(`resource "aws_iam_role" "${label}"`, [
      ['name', text(name)],
      ['path', text(path)],
      ['assume_role_policy', json(trustPolicy as unknown as Value)],
    ]),
    block(`resource "aws_iam_role_policy" "${label}"`, [
      ['name', text(`countersign-${policy}`)],
      ['role', `aws_iam_role.${label}.id`],
      ['policy', json(permissionsPolicy as unknown as Value)],
    ]),
  ];
}

/** Labels are made of letters, digits, `_` and `-`; two roles whose names differ in other characters get numbers. */
function labelsOf(roles: readonly RolePolicies[]): readonly string[] {
  const taken = new Set<string>();
  return roles.map(({ arn }) => {
    const wanted = `session_${(arn.split('/').at(-1) ?? '').replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;
    let label = wanted;
    for (let number = 2; taken.has(label); number += 1) label = `${wanted}_${number}`;
    taken.add(label);
    return label;
  });
}

/** Neighbouring arguments that fit in one line have their `=` under each other; one of many lines stands apart. */
function block(head: string, entries: readonly (readonly [string, string])[]): string {
  return `${head} {\n${aligned(entries, '  ')}\n}\n`;
}

function aligned(entries: readonly (readonly [string, string])[], indent: string): string {
  const isLong = ([, value]: readonly [string, string]): boolean => value.includes('\n');
  const widths: number[] = [];
  // A run of one-line entries ends with the first of many lines, which is aligned with nothing.
  for (let start = 0; start < entries.length; ) {
    let end = start;
    while (end < entries.length && !isLong(entries[end] ?? ['', ''])) end += 1;
    const width = Math.max(0, ...entries.slice(start, end).map(([key]) => key.length));
    for (; start < end; start += 1) widths.push(width);
    if (start < entries.length) {
      widths.push(0);
      start += 1;
    }
  }
  return entries.map(([key, value], index) => `${indent}${key.padEnd(widths[index] ?? 0)} = ${value}`).join('\n');
}

function json(value: Value): string {
  return `jsonencode(${print(value, '  ')})`;
}

function print(value: Value, indent: string): string {
  if (typeof value === 'string') return text(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = (value as readonly Value[]).map((item) => print(item, inner));
    const line = `[${items.join(', ')}]`;
    if (items.every((item) => !item.includes('\n')) && line.length <= 80) return line;
    return `[\n${items.map((item) => `${inner}${item},`).join('\n')}\n${indent}]`;
  }
  const entries = Object.entries(value as Readonly<Record<string, Value | undefined>>).flatMap(([key, item]) =>
    item === undefined ? [] : [[/^[A-Za-z]+$/.test(key) ? key : text(key), print(item, inner)] as const],
  );
  return `{\n${aligned(entries, inner)}\n${indent}}`;
}

/** HCL reads `${` and `%{` in a string as its own; doubled, they are IAM's. */
function text(value: string): string {
  return JSON.stringify(value).replaceAll(/[$%](?=\{)/g, (sign) => sign + sign);
}
