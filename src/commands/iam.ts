import { Command, Option } from 'commander';
import { readPolicyFile } from '../files/policy.ts';
import { type AwsPolicies, awsPolicies } from '../iam/aws.ts';
import { lengthOf, TRUST_POLICY_QUOTA } from '../iam/document.ts';
import { type AwsOptions, awsFacts } from '../iam/facts.ts';
import { type KubernetesOptions, kubernetesRbac } from '../iam/kubernetes.ts';
import { terraformOf } from '../iam/terraform.ts';
import { needed } from './options.ts';

/** `countersign iam`: what AWS and Kubernetes have to be told for the sessions of a policy. */
export function command(): Command {
  const iam = new Command('iam')
    .description('print the roles that the sessions of a policy need, in AWS and in Kubernetes')
    .addHelpText('after', '\nBoth read the policy file alone, and neither AWS nor a cluster: docs/aws-iam.md');
  iam
    .command('aws')
    .description('base role, session roles, and a service control policy, as JSON or Terraform')
    .option('-f, --filename <file>', 'the policy')
    .option(
      '--service-account <namespace/name>',
      'as whom agents’ pods run, namespace/* for all; may be given more than once',
      append,
      [],
    )
    .option('--oidc-provider <arn>', 'with irsa: the cluster’s issuer, as an OIDC provider in IAM')
    .option('--cluster <arn>', 'with pod-identity: the EKS cluster')
    .option('--base-role <arn>', 'with pod-identity: the role of the associations')
    .option(
      '--operators <glob>',
      'operators to let through, where they do not follow from the policy; may be given more than once',
      append,
      [],
    )
    .addOption(new Option('--format <format>', 'how to print it').choices(['json', 'terraform']).default('json'))
    .addHelpText(
      'after',
      `
Examples:
  countersign iam aws -f policy.yaml --service-account 'agents/*' \\
    --oidc-provider arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE
  countersign iam aws … --format terraform > countersign.tf`,
    )
    .action(aws);
  iam
    .command('kubernetes')
    .description('RBAC for kubernetes.identity pod: impersonate these operators and nothing else')
    .option('-f, --filename <file>', 'the policy')
    .option('--service-account <namespace/name>', 'as whom agents’ pods run')
    .option('--operator <name>', 'whom its pods may act for; may be given more than once', append, [])
    .option('--cluster-role <name>', 'give these operators that ClusterRole in the namespace, by a RoleBinding')
    .addHelpText(
      'after',
      `
Example:
  countersign iam kubernetes -f policy.yaml --service-account agents/runner \\
    --operator alice@example.com --cluster-role view | kubectl apply -f -`,
    )
    .action(kubernetes);
  return iam;
}

interface File {
  readonly filename?: string;
}

async function aws(options: AwsOptions & File & { readonly format: 'json' | 'terraform' }): Promise<void> {
  const { spec } = await readPolicyFile(needed(options.filename, '--filename'));
  const policies = awsPolicies(awsFacts(spec, options));
  for (const line of tooLong(policies)) console.error(`countersign: warning: ${line}`);
  console.log(options.format === 'json' ? JSON.stringify(policies, undefined, 2) : terraformOf(policies).trimEnd());
}

async function kubernetes(options: KubernetesOptions & File): Promise<void> {
  const { spec } = await readPolicyFile(needed(options.filename, '--filename'));
  if (spec.session.kubernetes.identity !== 'pod') {
    console.error('countersign: warning: the policy gives no such access. Next: set session.kubernetes.identity: pod');
  }
  console.log(kubernetesRbac(spec, options).trimEnd());
}

/** What AWS would refuse to store. */
function tooLong({ baseRole, sessionRoles }: AwsPolicies): string[] {
  const { default: usual, most } = TRUST_POLICY_QUOTA;
  return [baseRole, ...sessionRoles].flatMap(({ arn, trustPolicy }) => {
    const length = lengthOf(trustPolicy);
    if (length <= usual) return [];
    const next = length <= most ? `ask AWS for a quota of ${most}` : 'give fewer --service-account or --operators';
    return [`the trust policy of ${arn} has ${length} characters, IAM takes ${usual}. Next: ${next}, or use wildcards`];
  });
}

function append(value: string, values: readonly string[]): readonly string[] {
  return [...values, value];
}
