import { Command } from 'commander';
import { stringify } from 'yaml';
import type { ReadCluster } from '../cluster/rbac.ts';
import { Fault } from '../errors.ts';
import { readText } from '../files/policy.ts';
import { policyCrd } from '../policy/crd.ts';
import { type Finding, formatFinding, severityOf } from '../policy/finding.ts';
import { lintPolicy } from '../policy/lint.ts';
import { lintCluster, lintInCluster } from '../policy/lint-cluster.ts';
import { formatProblem, readPolicyText } from '../policy/read.ts';
import { SAMPLE_POLICY } from '../policy/sample.ts';

/** `countersign policy`: what admins write. */
export function command(): Command {
  const policy = new Command('policy')
    .description('check policies and print their schema')
    .addHelpText('after', '\nExample:\n  countersign policy lint policy.yaml');
  policy
    .command('lint')
    .description('say what is wrong in policy files, and what may be regretted')
    .argument('<file...>', 'policy files')
    .option('--cluster', 'look into a cluster too: who can act as the accounts that the policies trust')
    .option('--kubeconfig <file>', 'that cluster and who to be there (default: the pod’s own service account)')
    .addHelpText(
      'after',
      `
Exit status: 0 when every file can be used (warnings or not), 1 when the cluster makes one unsafe (errors), 2 when one
cannot be used or not all of the cluster could be read.

Examples:
  countersign policy lint policy.yaml
  countersign policy lint policy.yaml --kubeconfig admin.kubeconfig`,
    )
    .action(lint);
  policy
    .command('schema')
    .description('print the CustomResourceDefinition of AttributionPolicy')
    .addHelpText('after', '\nExample:\n  countersign policy schema | kubectl apply -f -')
    .action(() => console.log(crdYaml().replace(/\n$/, '')));
  policy
    .command('sample')
    .description('print a policy to start from')
    .addHelpText('after', '\nExample:\n  countersign policy sample > policy.yaml')
    .action(() => console.log(SAMPLE_POLICY.replace(/\n$/, '')));
  return policy;
}

/** The CRD as `manifests/crd.yaml` holds it. */
export function crdYaml(): string {
  return `# Made by: countersign policy schema\n${stringify(policyCrd(), { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

interface LintOptions {
  readonly cluster?: true;
  readonly kubeconfig?: string;
}

async function lint(files: readonly string[], options: LintOptions): Promise<void> {
  const cluster = options.cluster === true || options.kubeconfig !== undefined ? await clusterOf(options) : undefined;
  const unusable: string[] = [];
  const findings: Finding[] = [];
  for (const file of files) {
    const result = readPolicyText(await readText(file));
    if (!result.ok) {
      unusable.push(...result.problems.map((problem) => `${file}:${formatProblem(problem)}`));
      continue;
    }
    const here = [...lintPolicy(result.read), ...(cluster ? lintInCluster(result.read, cluster.view) : [])];
    for (const finding of here) console.log(line(file, finding));
    if (here.length === 0) console.log(`${file}: ok`);
    findings.push(...here);
  }
  if (cluster !== undefined) {
    for (const finding of lintCluster(cluster.view)) console.log(line('cluster', finding));
    for (const missing of cluster.missing) console.log(`cluster: error: cannot list ${missing}`);
  }
  if (unusable.length > 0) throw new Fault('PolicyInvalid', `these cannot be used:\n${unusable.join('\n')}`);
  if (cluster !== undefined && cluster.missing.length > 0) {
    const next = 'run this as somebody who may list them, such as a cluster admin';
    throw new Fault('ClusterFailed', `there may be more to say: not all could be listed (see above). Next: ${next}`);
  }
  if (findings.some((finding) => severityOf(finding) === 'error')) process.exitCode = 1;
}

function line(where: string, finding: Finding): string {
  return `${where}: ${severityOf(finding)}: ${formatFinding(finding)}`;
}

async function clusterOf({ kubeconfig }: LintOptions): Promise<ReadCluster> {
  // Loaded here, because the client library alone takes half a second.
  const [{ loadKubeConfig }, { readRbac }] = await Promise.all([
    import('../cluster/client.ts'),
    import('../cluster/rbac.ts'),
  ]);
  return readRbac(loadKubeConfig(kubeconfig));
}
