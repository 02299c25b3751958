import { Command } from 'commander';
import { stringify } from 'yaml';
import { Fault } from '../errors.ts';
import { readText } from '../files/policy.ts';
import { policyCrd } from '../policy/crd.ts';
import { formatFinding } from '../policy/finding.ts';
import { lintPolicy } from '../policy/lint.ts';
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
    .addHelpText(
      'after',
      '\nExit status: 0 when every file can be used (warnings or not), 2 when one cannot.\n\nExample:\n  countersign policy lint policy.yaml',
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

async function lint(files: readonly string[]): Promise<void> {
  const errors: string[] = [];
  for (const file of files) {
    const result = readPolicyText(await readText(file));
    if (!result.ok) {
      errors.push(...result.problems.map((problem) => `${file}:${formatProblem(problem)}`));
      continue;
    }
    const findings = lintPolicy(result.read);
    for (const finding of findings) console.log(`${file}: warning: ${formatFinding(finding)}`);
    if (findings.length === 0) console.log(`${file}: ok`);
  }
  if (errors.length > 0) throw new Fault('PolicyInvalid', `these cannot be used:\n${errors.join('\n')}`);
}
