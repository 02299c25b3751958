import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, type ComponentName, type Connection } from './cluster.ts';
import { Components, componentNames } from './components.ts';
import { writeFiles } from './files.ts';
import type { Wiring } from './flags.ts';
import { layoutOf } from './layout.ts';
import { freePorts } from './ports.ts';

export interface ControlPlaneOptions {
  /** The paths of the programs, as `findTools` returns them. */
  readonly tools: Readonly<Record<ComponentName | 'kubectl', string>>;
  /** Where the API server listens: loopback when not given, or an address that pods on a node can reach. */
  readonly address?: string;
  readonly extraApiServerFlags?: readonly string[];
}

/** A control plane with its owner's rights: it can be closed. */
export class ControlPlane extends Cluster {
  readonly connection: Connection;
  readonly #components: Components;

  constructor(connection: Connection, components: Components) {
    super(connection, components);
    this.connection = connection;
    this.#components = components;
  }

  /** Stops what is running and removes the directory. */
  close(): Promise<void> {
    return this.#components.close();
  }
}

/** Starts a real control plane without nodes, from nothing. When that fails, what was started is gone again. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  try {
    return await start(options);
  } catch (error) {
    // Between choosing a port and listening on it somebody else may take it.
    if (!String(error).includes('address already in use')) throw error;
    return start(options);
  }
}

async function start({ tools, address = '127.0.0.1', extraApiServerFlags = [] }: ControlPlaneOptions) {
  const [etcdPort, port] = await freePorts(['127.0.0.1', address]);
  const wiring: Wiring = {
    layout: layoutOf(mkdtempSync(join(tmpdir(), 'countersign-cluster-'))),
    etcdUrl: `http://127.0.0.1:${etcdPort}`,
    server: `https://${address}:${port}`,
    address,
    port,
    extraApiServerFlags,
  };
  const components = new Components(wiring, tools);
  try {
    await writeFiles(wiring);
    for (const name of componentNames) await components.startComponent(name);
  } catch (error) {
    await components.close();
    throw error;
  }
  const { layout, server } = wiring;
  return new ControlPlane({ dir: layout.dir, server, kubectl: tools.kubectl }, components);
}
