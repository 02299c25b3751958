import { Command } from 'commander';
import type { Wish } from '../cluster/restamp.ts';
import { quote } from '../denials.ts';
import { Fault } from '../errors.ts';
import { LABEL, VERB } from '../names.ts';
import { flawOf } from '../operator/canonical.ts';
import { needed } from './options.ts';

interface Options {
  readonly namespace?: string;
  readonly all?: true;
  readonly operator?: string;
  readonly reason?: string;
  readonly kubeconfig?: string;
}

/** `countersign restamp`: stamps anew, in the name that an admin says. */
export function command(): Command {
  return new Command('restamp')
    .description(
      'have workloads stamped anew, after a key was lost, somebody left, or a namespace was put under a policy',
    )
    .argument('[kind/name]', 'one object, such as deployment/web')
    .option('-n, --namespace <name>', 'the namespace')
    .option('--all', 'every workload of the namespace that no other one controls')
    .option('--operator <name>', 'in whose name it runs from now on')
    .option('--reason <text>', 'why; it stands in the stamp, beside your own name')
    .option('--kubeconfig <file>', 'the cluster and who to be there (default: the pod’s own service account)')
    .addHelpText(
      'after',
      `
You need the verb ${VERB.restamp} on attributionpolicies.countersign.dev, and the right to patch the workloads. What runs
is not restarted. Exit status: 0 when all were stamped, 1 when one was not, 2 when it could not be tried.

Example:
  countersign restamp deployment/web -n agents --operator alice@example.com --reason 'stamp keys lost' \\
    --kubeconfig admin.kubeconfig`,
    )
    .action(run);
}

async function run(wanted: string | undefined, options: Options): Promise<void> {
  const namespace = needed(options.namespace, '-n NAMESPACE');
  const wish = wishOf(options);
  if ((wanted === undefined) === (options.all === undefined)) {
    throw new Fault('UsageInvalid', 'give either KIND/NAME or --all; see --help');
  }
  // Loaded here, because the client library alone takes half a second.
  const [{ loadKubeConfig, makeClient }, { ObjectApi }, governing, { kindCalled, restamp, targetOf, targetsIn }] =
    await Promise.all([
      import('../cluster/client.ts'),
      import('../cluster/objects.ts'),
      import('../cluster/governing.ts'),
      import('../cluster/restamp.ts'),
    ]);
  const api = makeClient(loadKubeConfig(options.kubeconfig), ObjectApi);
  const policyName = governing.policyNameOf(await governing.readNamespace(api, namespace));
  if (policyName === undefined) {
    throw new Fault(
      'UsageInvalid',
      `namespace ${quote(namespace)} has no label ${LABEL.policy}, and only governed namespaces have stamps`,
    );
  }
  const { kinds } = (await governing.readClusterPolicy(api, policyName)).policy;
  const targets =
    wanted === undefined
      ? await targetsIn(api, kinds, namespace)
      : [await targetOf(api, ...kindAndName(wanted, (kind) => kindCalled(kinds, kind)))];
  if (targets.length === 0) console.error('There is nothing to stamp.');
  for (const target of targets) {
    const { ok, line } = await restamp(api, target, namespace, wish);
    console.log(line);
    if (!ok) process.exitCode = 1;
  }
}

/** @throws Fault `UsageInvalid`, before anything is asked of the cluster */
function wishOf({ operator, reason }: Options): Wish {
  const wish = { operator: needed(operator, '--operator NAME'), reason: needed(reason, '--reason TEXT') };
  const flaw = flawOf(wish.operator);
  if (flaw !== undefined) throw new Fault('UsageInvalid', `--operator ${quote(wish.operator)} cannot be one: ${flaw}`);
  if (wish.reason.trim() === '') throw new Fault('UsageInvalid', '--reason must say why; it stands in the stamp');
  return wish;
}

function kindAndName<Kind>(wanted: string, kindOf: (kind: string) => Kind): [kind: Kind, name: string] {
  const [kind = '', name = '', more] = wanted.split('/');
  if (name === '' || more !== undefined) {
    throw new Fault('UsageInvalid', `${quote(wanted)} is not KIND/NAME, such as deployment/web`);
  }
  return [kindOf(kind), name];
}
