import { Fault } from '../errors.ts';
import type { PolicySpec } from '../policy/schema.ts';
import { operatorsOf } from './operators.ts';
import { readServiceAccount, type ServiceAccount } from './service-account.ts';

/** A role that sessions assume, and whom AWS lets it be assumed for. */
export interface SessionRole {
  readonly arn: string;
  /** Globs for its SourceIdentity. */
  readonly operators: readonly string[];
}

/** What the AWS side of one policy consists of, checked. */
export interface AwsFacts {
  readonly baseRole: string;
  readonly base:
    | { readonly kind: 'irsa'; readonly provider: string; readonly accounts: readonly ServiceAccount[] }
    | { readonly kind: 'pod-identity'; readonly cluster: string; readonly accounts: readonly ServiceAccount[] };
  readonly roles: readonly SessionRole[];
  /** Whether sessions are tagged `operator` and `session`. */
  readonly tags: boolean;
}

/** What no policy says, as options of the command line. */
export interface AwsOptions {
  readonly baseRole?: string | undefined;
  readonly oidcProvider?: string | undefined;
  readonly cluster?: string | undefined;
  readonly serviceAccount: readonly string[];
  readonly operators: readonly string[];
}

const ROLE = /^arn:aws[a-z-]*:iam::[0-9]{12}:role\/[!-#%-~]+$/;
/** IAM API reference, "OpenIDConnectProviderListEntry"; the URL's host and path follow. */
const PROVIDER = /^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider\/[A-Za-z0-9._~:/-]+$/;
const CLUSTER = /^arn:aws[a-z-]*:eks:[a-z0-9-]+:[0-9]{12}:cluster\/[A-Za-z0-9_-]{1,100}$/;

/**
 * Puts together what a policy says and what the admin adds.
 *
 * @throws Fault `UsageInvalid` naming the option that is missing, wrong or one too many
 */
export function awsFacts(spec: PolicySpec, options: AwsOptions): AwsFacts {
  const { identity, roles, tags } = spec.session;
  const accounts = options.serviceAccount.map((text) => readServiceAccount(text, true));
  if (accounts.length === 0) {
    throw missing('--service-account', 'the accounts that agents’ pods run as', 'agents/runner');
  }
  const base =
    identity === 'irsa'
      ? ({ kind: identity, provider: providerOf(options), accounts } as const)
      : ({ kind: identity, cluster: clusterOf(options), accounts } as const);
  return {
    baseRole: plain(baseRoleOf(spec, options)),
    base,
    roles: roles.map((role) => ({ arn: plain(role.arn), operators: operatorsOf(spec, role, options.operators) })),
    tags,
  };
}

function baseRoleOf({ session }: PolicySpec, { baseRole }: AwsOptions): string {
  if (session.baseRole !== undefined) {
    if (baseRole === undefined || baseRole === session.baseRole) return session.baseRole;
    throw unwanted('--base-role', 'the policy names another: session.baseRole');
  }
  return formed(baseRole, ROLE, '--base-role', 'the role of the Pod Identity association', `${EXAMPLE}:role/base`);
}

function providerOf({ oidcProvider, cluster }: AwsOptions): string {
  if (cluster !== undefined) throw unwanted('--cluster', 'it goes with session.identity pod-identity');
  const example = `${EXAMPLE}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE`;
  return formed(oidcProvider, PROVIDER, '--oidc-provider', 'the cluster’s issuer as an OIDC provider in IAM', example);
}

function clusterOf({ oidcProvider, cluster }: AwsOptions): string {
  if (oidcProvider !== undefined) throw unwanted('--oidc-provider', 'it goes with session.identity irsa');
  const example = 'arn:aws:eks:eu-central-1:111122223333:cluster/agents';
  return formed(
    cluster,
    CLUSTER,
    '--cluster',
    'the EKS cluster: without it any cluster of the account will do',
    example,
  );
}

const EXAMPLE = 'arn:aws:iam::111122223333';

function formed(value: string | undefined, form: RegExp, option: string, what: string, example: string): string {
  if (value === undefined) throw missing(option, what, example);
  if (form.test(value)) return value;
  throw new Fault('UsageInvalid', `${option} "${value}" has not the form of ${example}. Next: give ${what}`);
}

/** In a policy, `*` and `?` within an ARN stand for others too: a path with one would let other roles in. */
function plain(arn: string): string {
  if (!/[*?]/.test(arn)) return arn;
  throw new Fault(
    'UsageInvalid',
    `the role ${arn} has * or ? in its path, which IAM reads as wildcards. Next: move it`,
  );
}

function missing(option: string, what: string, example: string): Fault {
  return new Fault('UsageInvalid', `${option} is needed: ${what}. Next: give it, such as ${option} ${example}`);
}

function unwanted(option: string, why: string): Fault {
  return new Fault('UsageInvalid', `${option} does not go with this policy: ${why}. Next: leave it out`);
}
