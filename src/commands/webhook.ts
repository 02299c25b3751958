import type { AddressInfo } from 'node:net';
import closeWithGrace from 'close-with-grace';
import { Command, InvalidArgumentError } from 'commander';
import type { FastifyInstance } from 'fastify';
import { FileGovernance } from '../admission/file-governance.ts';
import type { GovernanceSource } from '../admission/governance.ts';
import { createProbes } from '../admission/probes.ts';
import { createWebhook, type Lineage } from '../admission/server.ts';
import { Fault, reasonOf } from '../errors.ts';
import type { ApiServer } from '../injection/container.ts';
import { readPolicyFile, readText } from '../files/policy.ts';
import { Watched } from '../files/watched.ts';
import { OBJECT } from '../names.ts';
import { createLog, flushLog, type Logger } from '../telemetry/log.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { needed } from './options.ts';
import { watchCertificate, watchSecrets, watchStampKeys } from './webhook-files.ts';

interface Options {
  readonly host: string;
  readonly port: number;
  readonly probePort: number;
  readonly tlsDir?: string;
  readonly pathSecretDir?: string;
  readonly stampKeysDir?: string;
  readonly clusterId?: string;
  readonly policy?: string;
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly sessionImage?: string;
  readonly sessionApiServer?: string;
  readonly sessionApiCa?: string;
  readonly drainSeconds: number;
}

/** `countersign webhook`: the server that API servers ask. */
export function command(): Command {
  return new Command('webhook')
    .description('serve admission reviews over HTTPS')
    .option('--host <address>', 'address to listen on', '::')
    .option('--port <number>', 'port of the webhook', port, 8443)
    .option('--probe-port <number>', 'port of /livez, /readyz and /metrics', port, 8080)
    .option('--tls-dir <directory>', 'holds tls.crt and tls.key; read again when they change')
    .option('--path-secret-dir <directory>', 'holds the secrets that the path may contain, one a file')
    .option('--stamp-keys-dir <directory>', 'holds keys.json, the keys that stamps are signed and verified with')
    .option('--cluster-id <id>', 'what stamps call this cluster; default: the uid of namespace kube-system')
    .option('--session-image <image>', 'image of the session container, by digest')
    .option('--session-api-server <url>', 'where sessions find the API server; default: where this one does')
    .option('--session-api-ca <file>', 'certificates of that API server, in PEM; default: as above')
    .option('--policy <file>', 'one policy for every namespace, instead of those in the cluster')
    .option('--kubeconfig <file>', 'how to reach the cluster; default: as a pod does')
    .option('--namespace <name>', 'own namespace, which is never governed', OBJECT.namespace)
    .option('--drain-seconds <seconds>', 'how long to go on answering after SIGTERM', seconds, 5)
    .addHelpText(
      'after',
      '\nExample:\n  countersign webhook --tls-dir certs --path-secret-dir secrets --policy policy.yaml --session-image countersign:0.1.0',
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const tlsDir = needed(options.tlsDir, '--tls-dir DIRECTORY');
  const pathSecretDir = needed(options.pathSecretDir, '--path-secret-dir DIRECTORY');
  const sessionImage = needed(options.sessionImage, '--session-image IMAGE');
  const log = createLog('countersign-webhook');
  const metrics = createMetrics();
  if (!sessionImage.includes('@sha256:')) {
    log.warn({ image: sessionImage }, 'the session image is not named by digest, so what runs in it may change');
  }
  // A policy from a file governs without a cluster, and without one there is nobody to follow controllers to.
  const stamping = options.policy === undefined;
  const stampKeysDir = stamping ? needed(options.stampKeysDir, '--stamp-keys-dir DIRECTORY') : undefined;
  const governance = await governanceFor(options, log, metrics);
  const { source, lineage } = governance;
  const settings = { sessionImage, apiServer: await apiServerFor(options, governance) };
  const webhook = createWebhook({ governance: source, settings, lineage, metrics, log });
  const state = { tls: false, secrets: false, keys: !stamping, draining: false };
  const watched = [
    ...(stampKeysDir === undefined
      ? []
      : [watchStampKeys(stampKeysDir, webhook, log, metrics, () => (state.keys = true))]),
    watchCertificate(tlsDir, webhook, log, metrics, () => (state.tls = true)),
    watchSecrets(pathSecretDir, webhook, log, metrics, () => (state.secrets = true)),
  ];
  const probes = createProbes(metrics.registry, () => {
    if (state.draining) return 'shutting down';
    if (!state.tls) return 'no certificate is loaded';
    if (!state.secrets) return 'no path secret is loaded';
    if (!state.keys) return 'no keys for stamps are loaded';
    return governance.notReady?.() ?? source.notReady;
  });
  const stop = async () => {
    // A connection on which nothing arrives any more, a stranger's for example, must not keep the program from ending.
    const cut = setTimeout(() => webhook.app.server.closeAllConnections(), LAST_REVIEWS);
    await webhook.app.close();
    clearTimeout(cut);
    await probes.close();
    for (const each of watched) each.stop();
    governance.stop();
  };
  await Promise.all(watched.map((each) => each.start()));
  try {
    await listen(webhook.app, options.host, options.port);
    await listen(probes, options.host, options.probePort);
  } catch (fault) {
    // What is open already would keep the program from ending.
    await stop();
    throw fault;
  }
  log.info(
    {
      port: (webhook.app.server.address() as AddressInfo).port,
      probePort: (probes.server.address() as AddressInfo).port,
    },
    'listening',
  );

  const delay = options.drainSeconds * 1000 + LAST_REVIEWS + 2_000;
  closeWithGrace({ delay, logger: false }, async ({ err, signal }) => {
    if (err !== undefined) log.fatal({ error: err }, 'ending after a fault');
    else log.info({ signal }, 'draining');
    state.draining = true;
    webhook.drain();
    // API servers go on using this replica until they have seen it leave the Service's endpoints.
    if (err === undefined) await new Promise((resolve) => setTimeout(resolve, options.drainSeconds * 1000));
    await stop();
    log.info('ended');
    await flushLog(log);
  });
}

/** How long the last reviews may take, in milliseconds: a review's longest budget. */
const LAST_REVIEWS = 10_000;

interface RunningGovernance {
  readonly source: GovernanceSource;
  readonly lineage?: Lineage;
  readonly apiServer?: ApiServer | undefined;
  /** Why nothing can be reviewed yet, beside what `source` says. */
  readonly notReady?: () => string | undefined;
  stop(): void;
}

/** How sessions reach the API server: as the options say, or else as the webhook does. */
async function apiServerFor(options: Options, { apiServer }: RunningGovernance): Promise<ApiServer | undefined> {
  const { sessionApiServer, sessionApiCa } = options;
  if (sessionApiServer === undefined && sessionApiCa === undefined) return apiServer;
  const server = needed(sessionApiServer, '--session-api-server URL');
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:') {
    throw new Fault('UsageInvalid', `--session-api-server: "${server}" is not a URL with https://`);
  }
  return { server: new URL(server).origin, ca: (await readText(needed(sessionApiCa, '--session-api-ca FILE'))).trim() };
}

/** Whoever gives sessions no access to the API does without; others are refused, and find the reason here. */
function apiServerIn(read: () => ApiServer, log: Logger): ApiServer | undefined {
  try {
    return read();
  } catch (thrown) {
    log.warn({ problem: reasonOf(thrown) }, 'sessions cannot be given access to the Kubernetes API');
    return undefined;
  }
}

async function governanceFor(options: Options, log: Logger, metrics: Metrics): Promise<RunningGovernance> {
  if (options.policy !== undefined) return fromFile(options.policy, log, metrics);
  // The Kubernetes client takes longer to load than everything else together.
  const [{ ClusterGovernance }, { ClusterOwners }, { apiServerOf, loadKubeConfig }] = await Promise.all([
    import('../cluster/governance.ts'),
    import('../cluster/owners.ts'),
    import('../cluster/client.ts'),
  ]);
  const config = loadKubeConfig(options.kubeconfig);
  const source = new ClusterGovernance({ config, exempt: new Set(['kube-system', options.namespace]), log, metrics });
  const owners = new ClusterOwners({ config, log, metrics });
  let cluster = options.clusterId ?? '';
  if (cluster === '') {
    void owners.clusterId().then((id) => (cluster = id));
  }
  source.start();
  return {
    source,
    apiServer: apiServerIn(() => apiServerOf(config), log),
    lineage: { owners, cluster: () => cluster },
    notReady: () => (cluster === '' ? 'the id of the cluster is not known' : undefined),
    stop: () => {
      source.stop();
      owners.stop();
    },
  };
}

async function fromFile(path: string, log: Logger, metrics: Metrics): Promise<RunningGovernance> {
  const source = new FileGovernance();
  // At the start a broken file ends the program, where somebody sees it.
  source.setPolicy((await readPolicyFile(path)).policy);
  log.warn(
    { policy: path },
    'the policy comes from a file: it governs every namespace, and Pod Security labels are not looked at',
  );
  const file = new Watched({
    paths: [path],
    read: () => readPolicyFile(path),
    fingerprint: ({ name, spec }) => JSON.stringify([name, spec]),
    onValue: ({ name, policy }) => {
      source.setPolicy(policy);
      metrics.reloads.inc({ file: 'policy', result: 'loaded' });
      log.info({ policy: name }, 'policy loaded');
    },
    onFailure: (problem) => {
      source.setBroken(path, problem);
      metrics.reloads.inc({ file: 'policy', result: 'failed' });
      log.error({ problem }, 'the policy file cannot be used; pods are refused');
    },
  });
  await file.start();
  return { source, stop: () => file.stop() };
}

async function listen(app: Pick<FastifyInstance, 'listen'>, host: string, at: number): Promise<void> {
  try {
    await app.listen({ host, port: at });
  } catch (thrown) {
    throw new Fault('ListenFailed', `cannot listen on ${host} port ${at}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

function port(text: string): number {
  const number = Number(text);
  if (!/^[0-9]+$/.test(text) || number > 65_535)
    throw new InvalidArgumentError('It must be a port number, 0 to 65535.');
  return number;
}

function seconds(text: string): number {
  if (!/^[0-9]{1,3}$/.test(text)) throw new InvalidArgumentError('It must be a number of seconds, 0 to 999.');
  return Number(text);
}
