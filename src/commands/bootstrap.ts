import { setTimeout as wait } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { OBJECT } from '../names.ts';
import { duration } from './options.ts';

interface Options {
  readonly kubeconfig?: string;
  readonly certificate: 'own' | 'cert-manager';
  readonly rotatePathSecret?: true;
  /** Milliseconds. */
  readonly settle: number;
}

/** `countersign bootstrap`: makes and repairs what the webhook and the API server must both know. */
export function command(): Command {
  return new Command('bootstrap')
    .description(
      `Makes the webhook's CA, serving certificate, path secret and stamp keys in namespace ${OBJECT.namespace}, and ` +
        'writes what the API server needs into the webhook configurations. Run again it repairs and renews; with ' +
        'nothing to do it changes nothing.',
    )
    .option('--kubeconfig <file>', 'the cluster and who to be there (default: the pod’s own service account)')
    .addOption(
      new Option('--certificate <who>', 'who makes the certificates; cert-manager also writes caBundle then')
        .choices(['own', 'cert-manager'])
        .default('own'),
    )
    .option('--rotate-path-secret', 'replace the secret in the webhook’s path, without a gap')
    .addOption(
      new Option('--settle <duration>', 'while rotating: time for a Secret to reach every replica, such as 90s or 3m')
        .argParser(duration)
        .default(120_000, '120s'),
    )
    .addHelpText(
      'after',
      `
Examples:
  countersign bootstrap                                   in the Job of manifests/
  countersign bootstrap --kubeconfig admin.kubeconfig     from outside the cluster
  countersign bootstrap --rotate-path-secret              after an API server printed the webhook's URL`,
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  // Loaded here, because the client library alone takes half a second and other commands do without.
  const [{ AdmissionregistrationV1Api, CoreV1Api }, { loadKubeConfig, makeClient }, { bootstrap }] = await Promise.all([
    import('@kubernetes/client-node'),
    import('../cluster/client.ts'),
    import('../cluster/bootstrap/run.ts'),
  ]);
  const config = loadKubeConfig(options.kubeconfig);
  await bootstrap(
    { certificate: options.certificate, rotatePathSecret: options.rotatePathSecret ?? false, settleMs: options.settle },
    {
      core: makeClient(config, CoreV1Api),
      admission: makeClient(config, AdmissionregistrationV1Api),
      now: () => new Date(),
      wait: (ms) => wait(ms),
      print: (line) => console.log(line),
      progress: (line) => console.error(line),
    },
  );
}
