import {
  BUILT_IN_CARRIERS,
  type Carrier,
  findKind,
  presetCarriers,
  WORKLOAD_KINDS,
  type WorkloadKind,
} from '../lineage/kinds.ts';
import type { IdentityRules } from '../operator/identify.ts';
import { compilePattern, type Pattern } from '../operator/pattern.ts';
import type { DelegatorRule, Match, OperatorRule } from '../operator/rule.ts';
import { expandPreset } from './presets.ts';
import { resourceProblems, resourcesOf } from './resources.ts';
import type { MatchSpec, OperatorRuleSpec, PolicySpec } from './schema.ts';

/** Something that is wrong in a policy, and where: `spec.operators[0].match.username`. */
export interface Problem {
  readonly path: string;
  readonly message: string;
  /** Line and column in the file, from 1, where the policy came from one. */
  readonly line?: number;
  readonly column?: number;
}

/** One role of `session.roles`. */
export interface RoleRule {
  readonly arn: string;
  readonly operators: readonly Pattern[] | undefined;
  readonly groups: readonly Pattern[] | undefined;
}

/** Who may change fields of templates that others submitted. */
export interface Adjuster {
  readonly name: string;
  readonly username: string;
  /** Paths below the template; `*` stands for each item of a list. */
  readonly fields: readonly (readonly string[])[];
}

/** A policy that decisions can be made with. */
export interface Policy {
  readonly name: string;
  readonly identity: IdentityRules;
  readonly pods: PolicySpec['pods'];
  readonly roles: readonly RoleRule[];
  readonly session: PolicySpec['session'];
  /** The workload kinds that are known, the policy's own among them. */
  readonly kinds: readonly WorkloadKind[];
  /** Who may hand stamps on, the controllers of Kubernetes among them. */
  readonly carriers: readonly Carrier[];
  readonly adjusters: readonly Adjuster[];
  /** Of the session container. */
  readonly resources: ReturnType<typeof resourcesOf>;
  readonly allow: { readonly tokenAudiences: ReadonlySet<string>; readonly csiDrivers: ReadonlySet<string> };
  readonly podSecurity: PolicySpec['podSecurity'];
}

/** Audiences whose tokens AWS exchanges for credentials. */
const AWS_AUDIENCES: ReadonlySet<string> = new Set(['sts.amazonaws.com', 'pods.eks.amazonaws.com']);

/** What API servers are usually called as an audience; others, such as an issuer's URL, are the admin's to know. */
const API_AUDIENCE = /^(https:\/\/)?kubernetes(\.default(\.svc(\.cluster\.local)?)?)?\/?$|^api$/;

export type CompileResult = { ok: true; policy: Policy } | { ok: false; problems: readonly Problem[] };

/** Compiles every pattern of a policy that fits the schema, and says all that cannot be compiled. */
export function compilePolicy(name: string, spec: PolicySpec): CompileResult {
  const compiler = new Compiler();
  const policy: Policy = {
    name,
    identity: {
      policyName: name,
      operators: spec.operators.flatMap((rule, index) => compiler.operatorRules(rule, `spec.operators[${index}]`)),
      delegators: spec.delegators.map(
        (rule, index): DelegatorRule => ({
          name: rule.name,
          match: compiler.match(rule.match, `spec.delegators[${index}].match`),
          operators: compiler.patterns(rule.operators, `spec.delegators[${index}].operators`),
        }),
      ),
      left: new Set(spec.left),
    },
    pods: spec.pods,
    roles: spec.session.roles.map((role, index) => ({
      arn: role.arn,
      operators: role.operators && compiler.patterns(role.operators, `spec.session.roles[${index}].operators`),
      groups: role.groups && compiler.patterns(role.groups, `spec.session.roles[${index}].groups`),
    })),
    session: spec.session,
    kinds: [...WORKLOAD_KINDS, ...spec.workloads.map(ownKind)],
    carriers: [...BUILT_IN_CARRIERS, ...spec.carriers.flatMap(carriersOf)],
    adjusters: spec.adjusters.map(({ name, username, fields }) => ({ name, username, fields: fields.map(stepsOf) })),
    resources: resourcesOf(spec.session),
    allow: { tokenAudiences: new Set(spec.allow.tokenAudiences), csiDrivers: new Set(spec.allow.csiDrivers) },
    podSecurity: spec.podSecurity,
  };
  compiler.checkNames(
    [...spec.operators, ...spec.delegators, ...spec.carriers, ...spec.adjusters].map((rule) => rule.name),
  );
  compiler.checkKinds(spec, policy.kinds);
  compiler.checkAudiences(spec.allow.tokenAudiences);
  compiler.problems.push(...resourceProblems(spec.session));
  return compiler.problems.length === 0 ? { ok: true, policy } : { ok: false, problems: compiler.problems };
}

function ownKind({ group, versions, kind, resource, template, fields }: PolicySpec['workloads'][number]): WorkloadKind {
  const base = { group, versions, kind, resource, children: [] };
  if (template !== undefined) return { ...base, covers: { by: 'template', path: stepsOf(template) } };
  if (fields !== undefined) return { ...base, covers: { by: 'fields', paths: fields.map(stepsOf) } };
  return { ...base, covers: { by: 'spec' } };
}

/** The triples that one rule stands for. */
export function carriersOf({ username, preset, owner, child }: PolicySpec['carriers'][number]): readonly Carrier[] {
  if (preset !== undefined) return presetCarriers(preset, username);
  return owner === undefined || child === undefined ? [] : [{ username, owner, child }];
}

function stepsOf(path: string): readonly string[] {
  return path.split('.');
}

/** Instructions of all patterns of a policy together; some 20 MB. A mail domain's pattern has about 30. */
const MAX_POLICY_SIZE = 100_000;

/** Collects problems instead of stopping at the first, so that an admin sees them all at once. */
class Compiler {
  readonly problems: Problem[] = [];
  #size = 0;

  operatorRules(rule: OperatorRuleSpec, path: string): OperatorRule[] {
    if (rule.preset === undefined) return [this.#ownRule(rule, path)];
    const expanded = expandPreset(rule.preset, rule.with ?? {});
    if (!expanded.ok) {
      for (const problem of expanded.problems) {
        const parameter = problem.path.map(String).join('.');
        this.#report(
          parameter === '' ? `${path}.with` : `${path}.with.${parameter}`,
          `${problem.message} (preset ${rule.preset})`,
        );
      }
      return [];
    }
    return expanded.rules.map((each) => ({
      name: rule.name,
      match: this.match({ ...each.match, groups: rule.groups }, `${path}.with`),
      operator:
        'extra' in each.operator
          ? { kind: 'extra', key: each.operator.extra }
          : { kind: 'capture', group: each.operator.capture },
    }));
  }

  #ownRule(rule: OperatorRuleSpec, path: string): OperatorRule {
    const match = this.match(rule.match ?? {}, `${path}.match`);
    if (rule.operator?.extra !== undefined) {
      return { name: rule.name, match, operator: { kind: 'extra', key: rule.operator.extra } };
    }
    const group = rule.operator?.capture ?? 1;
    if (rule.match?.username === undefined) {
      this.#report(`${path}.operator`, 'a capture group needs match.username; or give operator.extra');
    } else if (match.username !== undefined && match.username.groups < group) {
      this.#report(
        `${path}.match.username`,
        `has ${match.username.groups} capture groups, and the operator is group ${group}: put parentheses around the name`,
      );
    }
    return { name: rule.name, match, operator: { kind: 'capture', group } };
  }

  match(spec: MatchSpec, path: string): Match {
    const extra = new Map<string, Pattern>();
    for (const [key, source] of Object.entries(spec.extra ?? {})) {
      const pattern = this.#pattern(source, `${path}.extra.${key}`);
      if (pattern !== undefined) extra.set(key, pattern);
    }
    return {
      username: spec.username === undefined ? undefined : this.#pattern(spec.username, `${path}.username`),
      groups: this.patterns(spec.groups ?? [], `${path}.groups`),
      extra,
    };
  }

  patterns(sources: readonly string[], path: string): Pattern[] {
    return sources.flatMap((source, index) => this.#pattern(source, `${path}[${index}]`) ?? []);
  }

  #pattern(source: string, path: string): Pattern | undefined {
    if (this.#size > MAX_POLICY_SIZE) return undefined;
    const result = compilePattern(source);
    if (!result.ok) {
      this.#report(path, result.problem);
      return undefined;
    }
    this.#size += result.pattern.size;
    if (this.#size > MAX_POLICY_SIZE) this.#report(path, 'the patterns up to here take more memory than a policy may');
    return result.pattern;
  }

  /** Two rules of one name could not be told apart in the audit log. */
  checkNames(names: readonly string[]): void {
    for (const twice of new Set(names.filter((name, index) => names.indexOf(name) !== index))) {
      this.#report('spec', `two rules are named "${twice}"; audit records name the rule that decided`);
    }
  }

  /** A token for AWS or for the API server gives the agent credentials without the operator's name. */
  checkAudiences(audiences: readonly string[]): void {
    for (const [index, audience] of audiences.entries()) {
      const api = API_AUDIENCE.test(audience);
      if (api || AWS_AUDIENCES.has(audience)) {
        this.#report(
          `spec.allow.tokenAudiences[${index}]`,
          `a token for ${audience} gives the agent ${api ? 'Kubernetes' : 'AWS'} credentials without the operator's name`,
        );
      }
    }
  }

  /** A kind that stands twice would be read in two ways, and a carrier for unknown kinds does nothing. */
  checkKinds({ workloads, carriers }: PolicySpec, kinds: readonly WorkloadKind[]): void {
    for (const [index, own] of workloads.entries()) {
      const same = kinds.filter(
        ({ group, kind, resource }) => group === own.group && (kind === own.kind || resource === own.resource),
      );
      if (same.length > 1)
        this.#report(`spec.workloads[${index}]`, `${own.kind} of group "${own.group}" is known already`);
    }
    for (const [index, { owner, child }] of carriers.entries()) {
      if (owner !== undefined && findKind(kinds, owner) === undefined) {
        this.#report(`spec.carriers[${index}].owner`, 'is a kind that is not known; list it under workloads');
      }
      const pod = child?.group === '' && child.kind === 'Pod';
      if (child !== undefined && !pod && findKind(kinds, child) === undefined) {
        this.#report(`spec.carriers[${index}].child`, 'is a kind that is not known; list it under workloads');
      }
    }
  }

  #report(path: string, message: string): void {
    this.problems.push({ path, message });
  }
}
