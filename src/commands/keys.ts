import { setTimeout as wait } from 'node:timers/promises';
import { Command } from 'commander';
import { quote } from '../denials.ts';
import { OBJECT, STAMP_KEYS_FILE } from '../names.ts';
import { type KeyRole, rolesOf } from '../stamp/rotation.ts';
import { initKeys, type KeyStore, needKeys, retireKeyOf, rotateKeys } from '../stamp/store.ts';
import { duration } from './options.ts';

interface Options {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly dir?: string;
}

/** `countersign keys`: what stamps are signed with. */
export function command(): Command {
  const keys = new Command('keys')
    .description(
      `make, rotate and list the keys that stamps are signed with: in Secret ${OBJECT.stampKeysSecret}, with their ` +
        `public halves in the ConfigMap of that name, or in a directory (${STAMP_KEYS_FILE.private}, ${STAMP_KEYS_FILE.public})`,
    )
    .addHelpText(
      'after',
      '\nExamples:\n  countersign keys rotate --kubeconfig admin.kubeconfig\n  countersign keys init --dir keys',
    );
  withPlace(keys.command('init'))
    .description('make the first key, where there is none')
    .action(async (options: Options) => {
      const { made, signing } = await initKeys(await storeOf(options));
      console.log(
        made ? `stamp key ${signing}: made, it signs` : `stamp key ${signing}: signs already; no key was changed`,
      );
    });
  withPlace(keys.command('rotate'))
    .description('make a new key, and let it sign once every replica has it; what was signed before stays valid')
    .option('--settle <duration>', 'time for a key to reach every replica, such as 120, 90s or 3m', duration, 120_000)
    .action(async ({ settle, ...options }: Options & { readonly settle: number }) => {
      const { from, to } = await rotateKeys(await storeOf(options), async (kid) => {
        console.error(`Published ${kid}; waiting ${settle / 1000} s until every replica has it, then it signs …`);
        await wait(settle);
      });
      console.log(`stamp key ${to}: signs from now on\nstamp key ${from}: goes on verifying what it signed`);
    });
  withPlace(keys.command('list'))
    .description('show the ids of the keys, and which of them signs')
    .action(async (options: Options) => {
      const present = needKeys(await (await storeOf(options)).read());
      for (const { kid, role } of rolesOf(present)) console.log(`${kid}  ${ROLES[role]}`);
    });
  withPlace(keys.command('retire'))
    .description('take away a key that no longer signs; every stamp that it signed becomes void')
    .argument('<kid>', 'its id, as "keys list" shows it')
    .action(async (kid: string, options: Options) => {
      await retireKeyOf(await storeOf(options), kid);
      console.log(
        `stamp key ${quote(kid)}: retired. What it signed no longer counts: workloads with such a stamp get no new ` +
          'pods until somebody changes them or "countersign restamp" has them stamped anew.',
      );
    });
  return keys;
}

const ROLES: Readonly<Record<KeyRole, string>> = {
  signing: 'signing',
  verifying: 'verifying',
  next: 'verifying, signs next',
};

function withPlace(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'the cluster and who to be there (default: the pod’s own service account)')
    .option('--namespace <name>', 'where Countersign is installed', OBJECT.namespace)
    .option('--dir <directory>', 'keys in a directory instead of a cluster');
}

async function storeOf({ dir, kubeconfig, namespace }: Options): Promise<KeyStore> {
  if (dir !== undefined) return (await import('../files/key-store.ts')).directoryKeyStore(dir);
  // Loaded here, because the client library alone takes half a second.
  const [{ CoreV1Api }, { loadKubeConfig, makeClient }, { clusterKeyStore }] = await Promise.all([
    import('@kubernetes/client-node'),
    import('../cluster/client.ts'),
    import('../cluster/key-store.ts'),
  ]);
  return clusterKeyStore(makeClient(loadKubeConfig(kubeconfig), CoreV1Api), namespace);
}
