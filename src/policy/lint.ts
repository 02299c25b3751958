import { flawOf } from '../operator/canonical.ts';
import type { OperatorRule } from '../operator/rule.ts';
import { type Finding, finding } from './finding.ts';
import { captureOf, Language } from './language.ts';
import { lintControllers } from './lint-controllers.ts';
import type { ReadPolicy } from './read.ts';

/** The set of all operators (STS, SourceIdentity). */
const ANY_OPERATOR = Language.of('[A-Za-z0-9_+=,.@-]{2,64}') as Language;

/** Looks for what works and may still be regretted, in a policy that fits the schema and compiles. */
export function lintPolicy({ spec, policy }: ReadPolicy): readonly Finding[] {
  const rules = policy.identity.operators;
  return [
    ...lintPods(spec),
    ...lintRules(spec, rules),
    ...lintDelegators(spec, policy),
    ...lintControllers(spec, policy),
    ...lintRoles(spec, rules),
    ...lintLeft(spec),
  ];
}

/** Accounts that create the pods of everybody's templates. */
const BUILT_IN_CONTROLLERS = Language.of('system:serviceaccount:kube-system:[a-z0-9.-]+') as Language;

/** What people are called, to prefer over other examples. */
const READABLE = Language.of('[a-z0-9]{3,64}') as Language;

type Spec = ReadPolicy['spec'];

function lintPods(spec: Spec): Finding[] {
  if (spec.pods.all === true) return [];
  const [field, how] =
    spec.pods.labels === undefined
      ? ['serviceAccounts', 'runs the pod under another service account']
      : ['labels', 'leaves the label out'];
  return [
    finding(
      'PodsEscapable',
      `spec.pods.${field}`,
      `a pod author who ${how} is not attributed; use "all: true" and a namespace for agents`,
    ),
  ];
}

function lintRules(spec: Spec, rules: readonly OperatorRule[]): Finding[] {
  const findings: Finding[] = [];
  if (spec.operators.length === 0 && spec.delegators.length === 0) {
    findings.push(finding('NobodyIsOperator', 'spec.operators', 'no rule names an operator, so every pod is refused'));
  }
  const paths = pathsOf(spec, rules);
  for (const [index, rule] of rules.entries()) {
    const path = paths.get(rule) ?? '';
    for (const earlier of rules.slice(0, index)) {
      if (earlier.name !== rule.name) findings.push(...comparePair(earlier, rule, path));
    }
    // A preset pins what stands around its capture group; what an admin wrote is looked at.
    if (spec.operators.find((each) => each.name === rule.name)?.preset === undefined)
      findings.push(...collision(rule, path));
  }
  return findings;
}

/** One rule against an earlier one. */
function comparePair(earlier: OperatorRule, later: OperatorRule, path: string): Finding[] {
  const both = [language(earlier), language(later)] as const;
  const [first, second] = both;
  if (first === undefined || second === undefined) return [];
  const onlyUsername = earlier.match.groups.length === 0 && earlier.match.extra.size === 0;
  if (onlyUsername && first.contains(second) === true) {
    return [
      finding(
        'RuleUnreachable',
        path,
        `never decides: rule "${earlier.name}" before it matches every username that "${later.name}" does`,
      ),
    ];
  }
  const example = first.and(second)?.example();
  if (example !== undefined) {
    return [
      finding(
        'RulesOverlap',
        path,
        `overlaps rule "${earlier.name}", which comes first and decides, for example for ${JSON.stringify(example)}`,
      ),
    ];
  }
  const name = sharedName(earlier, later);
  return name === undefined
    ? []
    : [
        finding(
          'NamesCollide',
          path,
          `gives ${JSON.stringify(name)} to one user and rule "${earlier.name}" gives the same to another; keep a part that tells them apart, such as a mail domain, in the name`,
        ),
      ];
}

function sharedName(earlier: OperatorRule, later: OperatorRule): string | undefined {
  if (earlier.operator.kind !== 'capture' || later.operator.kind !== 'capture') return undefined;
  const first = captureOf(earlier.match.username?.source ?? '', earlier.operator.group)?.inside;
  const second = captureOf(later.match.username?.source ?? '', later.operator.group)?.inside;
  if (first === undefined || second === undefined) return undefined;
  const shared = first.and(second)?.and(ANY_OPERATOR);
  return shared?.and(READABLE)?.example() ?? shared?.example();
}

/** Whether one rule by itself can give two users one name. */
function collision(rule: OperatorRule, path: string): Finding[] {
  if (rule.operator.kind === 'extra') return [];
  const capture = captureOf(rule.match.username?.source ?? '', rule.operator.group);
  if (capture === undefined || capture.around?.isSingle() === true) return [];
  return [
    finding(
      'NamesCollide',
      `${path}.match.username`,
      'what stands outside the capture group varies, so two users who differ only there get one name; write it out, or capture it',
    ),
  ];
}

function lintDelegators(spec: Spec, { identity }: ReadPolicy['policy']): Finding[] {
  return spec.delegators.flatMap((rule, index) => {
    const path = `spec.delegators[${index}]`;
    const wildcards = rule.operators.flatMap((pattern, at) =>
      Language.of(pattern)?.contains(ANY_OPERATOR) === true
        ? [
            finding(
              'DelegatorWildcard',
              `${path}.operators[${at}]`,
              `lets "${rule.name}" name anybody; write out the mail domain or the names`,
            ),
          ]
        : [],
    );
    if (rule.match.groups !== undefined || rule.match.extra !== undefined) return wildcards;
    const pattern = identity.delegators[index]?.match.username;
    const carrier = spec.carriers.find(({ username }) => pattern?.matches(username) === true);
    const builtIn =
      Language.of(rule.match.username ?? '.*')
        ?.and(BUILT_IN_CONTROLLERS)
        ?.example() !== undefined;
    if (!builtIn && carrier === undefined) return wildcards;
    const who = builtIn ? 'the controllers in kube-system delegators' : `carrier "${carrier?.name}" a delegator`;
    const message = `makes ${who}, so whoever writes what pods are made of picks the operator`;
    return [finding('DelegatorIsController', `${path}.match.username`, message), ...wildcards];
  });
}

function lintRoles(spec: Spec, rules: readonly OperatorRule[]): Finding[] {
  const sources = [
    ...rules.map(operatorLanguage),
    ...spec.delegators.flatMap((rule) => rule.operators.map((each) => Language.of(each))),
  ];
  return spec.session.roles.flatMap((role, index) => {
    if (role.operators === undefined || role.groups !== undefined) return [];
    const usable = role.operators.some((pattern) => sources.some((source) => meets(Language.of(pattern), source)));
    return usable
      ? []
      : [
          finding(
            'RoleUnused',
            `spec.session.roles[${index}].operators`,
            `no operator that the rules make may use ${role.arn}`,
          ),
        ];
  });
}

/** Unknown languages are given the benefit of the doubt. */
function meets(one: Language | undefined, other: Language | undefined): boolean {
  const both = other && one?.and(other)?.and(ANY_OPERATOR);
  return both === undefined || both.example() !== undefined;
}

function lintLeft(spec: Spec): Finding[] {
  return spec.left.flatMap((operator, index) => {
    const flaw = flawOf(operator);
    return flaw === undefined
      ? []
      : [finding('LeftNeverMatches', `spec.left[${index}]`, `is no operator's name: ${flaw}`)];
  });
}

function operatorLanguage(rule: OperatorRule): Language | undefined {
  if (rule.operator.kind === 'extra') return ANY_OPERATOR;
  return captureOf(rule.match.username?.source ?? '', rule.operator.group)?.inside;
}

function language(rule: OperatorRule): Language | undefined {
  return rule.match.username === undefined ? undefined : Language.of(rule.match.username.source);
}

/** Presets stand for several rules, so a rule's place in the policy is found by its name. */
function pathsOf(spec: Spec, rules: readonly OperatorRule[]): ReadonlyMap<OperatorRule, string> {
  return new Map(
    rules.map((rule) => [rule, `spec.operators[${spec.operators.findIndex((each) => each.name === rule.name)}]`]),
  );
}
