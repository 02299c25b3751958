import { existsSync } from 'node:fs';
import { Command } from 'commander';
import type { Standing } from '../cluster/governing.ts';
import type { ObjectApi } from '../cluster/objects.ts';
import { quote } from '../denials.ts';
import { Fault } from '../errors.ts';
import { readPolicyFile } from '../files/policy.ts';
import { LABEL, OBJECT } from '../names.ts';
import type { Policy } from '../policy/compile.ts';
import { preflight } from '../preflight/preflight.ts';
import type { Report } from '../preflight/situation.ts';
import { needed } from './options.ts';

interface Options {
  readonly namespace?: string;
  readonly policy?: string;
  readonly kubeconfig?: string;
  readonly installedIn: string;
  readonly clusterId?: string;
}

/** `countersign preflight`: what enforcing would refuse, before it does. */
export function command(): Command {
  return new Command('preflight')
    .description(
      'say what would be refused if a namespace were governed in enforce now, and how to adopt each workload',
    )
    .option('-n, --namespace <name>', 'the namespace')
    .option(
      '--policy <name|file>',
      'a policy of the cluster or a file (default: the one that the namespace’s label names)',
    )
    .option('--kubeconfig <file>', 'the cluster and who to be there (default: the pod’s own service account)')
    .option('--installed-in <namespace>', 'where Countersign is installed, for the public keys', OBJECT.namespace)
    .option('--cluster-id <id>', 'what stamps call this cluster; default: the uid of namespace kube-system')
    .addHelpText(
      'after',
      `
It changes nothing. What is adopted belongs to whoever runs the command that adopts it.
Exit status: 0 when nothing would be refused, 1 when something would, 2 when it cannot be told.

Example:
  countersign preflight -n agents --policy policy.yaml --kubeconfig admin.kubeconfig`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const namespace = needed(options.namespace, '-n NAMESPACE');
  // Loaded here, because the client library alone takes half a second.
  const [{ loadKubeConfig, makeClient }, objects, governing, { survey }] = await Promise.all([
    import('../cluster/client.ts'),
    import('../cluster/objects.ts'),
    import('../cluster/governing.ts'),
    import('../cluster/survey.ts'),
  ]);
  const api = makeClient(loadKubeConfig(options.kubeconfig), objects.ObjectApi);
  const standing = governing.standingOfNamespace(await governing.readNamespace(api, namespace));
  const policy = await policyFor(options.policy ?? standing.policyName, namespace, api, governing.readClusterPolicy);
  const { installedIn, clusterId } = options;
  const report = preflight(await survey(api, { namespace, policy, standing, installedIn, clusterId }));
  console.log([...introduction(namespace, policy, standing), ...describe(report)].join('\n'));
  if (report.findings.length > 0) process.exitCode = 1;
}

async function policyFor(
  wanted: string | undefined,
  namespace: string,
  api: ObjectApi,
  readClusterPolicy: (api: ObjectApi, name: string) => Promise<{ readonly policy: Policy }>,
): Promise<Policy> {
  if (wanted === undefined) {
    throw new Fault(
      'UsageInvalid',
      `namespace ${quote(namespace)} has no label ${LABEL.policy}; give --policy NAME|FILE`,
    );
  }
  // Names of policies are DNS subdomains, and so may be those of files; what is there is meant.
  const isFile = wanted.includes('/') || existsSync(wanted);
  return (await (isFile ? readPolicyFile(wanted) : readClusterPolicy(api, wanted))).policy;
}

function introduction(namespace: string, policy: Policy, { policyName, mode, since }: Standing): readonly string[] {
  const subject = `Namespace ${quote(namespace)}`;
  const held = `held against policy ${quote(policy.name)}:`;
  if (policyName === undefined) {
    return [
      `${subject} is not governed; ${held}`,
      'Nothing can be adopted before it is: put it under the policy in mode warn, run the commands, then enforce.',
      '',
    ];
  }
  if (since === undefined)
    return [`${subject} is governed and does not say since when, so no stamp counts; ${held}`, ''];
  if (mode === 'audit') {
    return [`${subject} is in mode audit, in which nothing is stamped: go to warn to adopt; ${held}`, ''];
  }
  return [`${subject} is in mode ${mode}, ${held}`, ''];
}

function describe({ findings, examined }: Report): readonly string[] {
  const blocks = findings.flatMap(({ title, problems }) => [
    title,
    ...problems.flatMap(({ message, command }) => [
      `  ${message}`,
      ...(command === undefined || message.includes(command) ? [] : [`  $ ${command}`]),
    ]),
  ]);
  const count = `${examined} ${examined === 1 ? 'object was' : 'objects were'} looked at`;
  const summary =
    findings.length === 0 ? `Nothing would be refused; ${count}.` : `${findings.length} to mend; ${count}.`;
  return blocks.length === 0 ? [summary] : [...blocks, '', summary];
}
