import { Argument, Command } from 'commander';
import { readPolicyFile } from '../files/policy.ts';
import { BUILT_IN_CARRIERS, findKind, WORKLOAD_KINDS, type WorkloadKind } from '../lineage/kinds.ts';
import { type Part, PARTS, renderManifests } from '../manifests/render.ts';
import type { Policy } from '../policy/compile.ts';

interface Options {
  readonly policy: readonly string[];
}

const ALL = Object.keys(PARTS) as readonly Part[];

/** `countersign manifests`: what of the installation follows from the workload kinds. */
export function command(): Command {
  return new Command('manifests')
    .description(
      'print the webhook configurations, admission policies and the role that follow from the workload kinds',
    )
    .addArgument(new Argument('[part...]', 'what to print; everything when not given').choices(ALL))
    .option(
      '--policy <file>',
      'a policy with workloads or carriers of its own; may be given more than once',
      append,
      [],
    )
    .addHelpText(
      'after',
      `
Policies that list workloads or carriers of their own need manifests that know them.

Example:
  countersign manifests --policy policy.yaml admission > manifests/base/admission.yaml`,
    )
    .action(run);
}

async function run(parts: readonly Part[], { policy: files }: Options): Promise<void> {
  const policies = await Promise.all(files.map(async (file) => (await readPolicyFile(file)).policy));
  const carriers = [...BUILT_IN_CARRIERS, ...policies.flatMap((policy) => policy.carriers)];
  const text = renderManifests(parts.length === 0 ? ALL : parts, { kinds: kindsOf(policies), carriers });
  console.log(text.replace(/\n$/, ''));
}

/** The known kinds, and those that the policies add; one that several add comes once. */
function kindsOf(policies: readonly Policy[]): readonly WorkloadKind[] {
  const kinds = [...WORKLOAD_KINDS];
  for (const kind of policies.flatMap((policy) => policy.kinds)) {
    if (findKind(kinds, kind) === undefined) kinds.push(kind);
  }
  return kinds;
}

function append(file: string, files: readonly string[]): readonly string[] {
  return [...files, file];
}
