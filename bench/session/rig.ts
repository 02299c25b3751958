import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { bundle } from '../../.ci/bundle.ts';
import { type KubernetesPlan, sessionContainer } from '../../src/injection/container.ts';
import { ENV, SESSION_SETTING, TOKEN_FILE } from '../../src/names.ts';
import type { Places } from '../../src/session/places.ts';
import { freePorts } from '../../test/cluster/ports.ts';
import { BASE_ROLE, exampleAccount, REGION, SESSION_ROLE } from '../../test/session/sts/example.ts';
import { createIssuer, type Issuer } from '../../test/session/sts/issuer.ts';
import { type Sts, startSts } from '../../test/session/sts/stand-in.ts';

export const OPERATOR = 'alice@acme.com';

/** What every session of this benchmark uses; it is gone when the process ends. */
export interface Rig {
  readonly directory: string;
  /** The bundled program, as the image has it. */
  readonly program: string;
  readonly sts: Sts;
  readonly issuer: Issuer;
  /** The file with the authority of STS. */
  readonly stsCa: string;
  /** Where nothing listens: instance metadata that is closed. */
  readonly closed: string;
  /** Accepts connections and never answers: metadata behind a hop limit of 1. */
  readonly silent: string;
  close(): Promise<void>;
}

/** Bundles the program and starts a stand-in for STS. */
export async function prepare(): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  await bundle('countersign', 'src/main.ts', join(directory, 'program'), [
    {
      name: 'places',
      setup: (build) =>
        build.onResolve({ filter: /\/places\.ts$/ }, () => ({ path: join(import.meta.dirname, 'places.ts') })),
    },
  ]);
  const issuer = createIssuer();
  const sts = await startSts({ account: exampleAccount(issuer.provider) });
  const stsCa = join(directory, 'sts-ca.crt');
  writeFileSync(stsCa, sts.ca);
  const [closedPort, silentPort] = await freePorts(['127.0.0.1', '127.0.0.1']);
  const silent = createServer(() => {}).listen(silentPort, '127.0.0.1');
  return {
    directory,
    program: join(directory, 'program', 'countersign.js'),
    sts,
    issuer,
    stsCa,
    closed: `http://127.0.0.1:${closedPort}`,
    silent: `http://127.0.0.1:${silentPort}`,
    close: async () => {
      silent.close();
      silent.closeAllConnections();
      await sts.stop();
    },
  };
}

/** What distinguishes one session from another. */
export interface Wish {
  readonly metadata: string;
  readonly kubernetes?: KubernetesPlan & { readonly namespace: string; readonly token: string };
}

/** A session that can be started: its places, and the environment that kubelet would give the program. */
export interface Prepared {
  readonly places: Places;
  readonly env: Readonly<Record<string, string>>;
}

/** Makes the directories and tokens of a session of its own, with the variables that the webhook plans. */
export async function newSession(rig: Rig, { metadata, kubernetes }: Wish): Promise<Prepared> {
  const [awsPort, kubernetesPort] = await freePorts(['127.0.0.1', '127.0.0.1']);
  const id = randomUUID();
  const home = join(rig.directory, id);
  const places: Places = {
    shared: join(home, 'shared'),
    private: join(home, 'private'),
    tokens: join(home, 'tokens'),
    awsPort,
    kubernetesPort,
    terminationLog: undefined,
    metadata: [metadata],
  };
  for (const path of [places.shared, places.private, places.tokens]) mkdirSync(path, { recursive: true });
  writeFileSync(join(places.tokens, TOKEN_FILE.aws), rig.issuer.token());
  if (kubernetes !== undefined) writeFileSync(join(places.tokens, TOKEN_FILE.kubernetes), kubernetes.token);
  const fields = { [ENV.sessionId]: id, [SESSION_SETTING.namespace]: kubernetes?.namespace ?? '' };
  return {
    places,
    env: {
      PATH: process.env['PATH'] ?? '',
      ...planned(rig, kubernetes ?? { identity: 'none' }, fields),
      NODE_EXTRA_CA_CERTS: rig.stsCa,
      BENCH_PLACES: JSON.stringify(places),
    },
  };
}

/** Node's options come from the plan too. */
function planned(
  rig: Rig,
  kubernetes: KubernetesPlan | { readonly identity: 'none' },
  fields: Readonly<Record<string, string>>,
): Record<string, string> {
  const container = sessionContainer({
    operator: OPERATOR,
    roleArn: SESSION_ROLE,
    durationSeconds: 1800,
    region: REGION,
    identity: 'irsa',
    baseRole: BASE_ROLE,
    stsEndpoint: rig.sts.url,
    podIdentityEndpoint: '',
    tags: true,
    instanceMetadata: 'refuse',
    kubernetes,
    delivery: 'sidecar',
    image: 'countersign',
    resources: { requests: {}, limits: {} },
  });
  const env = container['env'] as unknown as readonly { readonly name: string; readonly value?: string }[];
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? fields[name] ?? '']));
}
