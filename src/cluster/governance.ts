import { CoreV1Api, CustomObjectsApi, type KubeConfig } from '@kubernetes/client-node';
import { type Governance, type GovernanceSource, type Mode, readMode } from '../admission/governance.ts';
import type { JsonObject } from '../json.ts';
import { ANNOTATION, API, LABEL } from '../names.ts';
import type { Policy } from '../policy/compile.ts';
import { formatProblem, readPolicy } from '../policy/read.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { apiFailure, makeClient } from './client.ts';
import { type ApiObject, Mirror } from './mirror.ts';

export interface ClusterGovernanceOptions {
  readonly config: KubeConfig;
  /** Namespaces that are never governed, whatever their labels: a webhook that governs itself locks itself out. */
  readonly exempt: ReadonlySet<string>;
  readonly log: Logger;
  readonly metrics: Metrics;
}

type Compiled = { readonly policy: Policy } | { readonly problem: string };
interface Metadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
type Mirrored = ApiObject & JsonObject;

/**
 * Knows from the cluster what governs a namespace: mirrors of the governed namespaces and of the policies, and a read
 * of the API server where they do not know. A namespace that the API server sends reviews for and that is not in the
 * mirror was labelled a moment ago; to let its pod pass would be the silent way round that caches open.
 */
export class ClusterGovernance implements GovernanceSource {
  readonly #options: ClusterGovernanceOptions;
  readonly #core: CoreV1Api;
  readonly #custom: CustomObjectsApi;
  readonly #namespaces: Mirror<Mirrored>;
  readonly #policies: Mirror<Mirrored>;
  readonly #compiled = new Map<string, Compiled>();

  constructor(options: ClusterGovernanceOptions) {
    const { config, log } = options;
    this.#options = options;
    this.#core = makeClient(config, CoreV1Api);
    this.#custom = makeClient(config, CustomObjectsApi);
    this.#namespaces = new Mirror({
      config,
      path: '/api/v1/namespaces',
      labelSelector: LABEL.policy,
      list: async () => listed(await this.#core.listNamespace({ labelSelector: LABEL.policy })),
      onLost: (reason) => log.warn({ reason }, 'namespaces cannot be followed; trying again'),
    });
    this.#policies = new Mirror({
      config,
      path: `/apis/${API.apiVersion}/${API.policyPlural}`,
      list: async () =>
        listed(
          await this.#custom.listClusterCustomObject({
            group: API.group,
            version: API.version,
            plural: API.policyPlural,
          }),
        ),
      onLost: (reason) => log.warn({ reason }, 'policies cannot be followed; trying again'),
      onChange: (name, object) => this.#compile(name, object),
    });
  }

  start(): void {
    this.#namespaces.start();
    this.#policies.start();
  }

  stop(): void {
    this.#namespaces.stop();
    this.#policies.stop();
  }

  get notReady(): string | undefined {
    if (!this.#namespaces.isFresh) return 'the governed namespaces are not known';
    return this.#policies.isFresh ? undefined : 'the policies are not known';
  }

  governanceOf(namespace: string, deadline: number, enforced: boolean): Governance | Promise<Governance> {
    if (this.#options.exempt.has(namespace)) return { kind: 'ungoverned' };
    const metadata = this.#namespaces.isFresh ? this.#namespaces.get(namespace)?.metadata : undefined;
    const name = metadata?.labels?.[LABEL.policy];
    if (metadata !== undefined && name !== undefined) {
      const compiled = this.#policies.isFresh ? this.#compiled.get(name) : undefined;
      const known = compiled && governance(metadata, name, compiled);
      // A mode that is laxer than what the API server goes by may be that of a while ago.
      if (known !== undefined && !(enforced && known.mode !== 'enforce')) return known;
    }
    return this.#read(namespace, deadline);
  }

  /** Asks the API server for both, the namespace and its policy. */
  async #read(namespace: string, deadline: number): Promise<Governance> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error('the API server did not answer in time')),
      Math.max(0, deadline - Date.now()),
    );
    try {
      const result = await Promise.race([this.#readBoth(namespace), late.promise]);
      this.#options.metrics.liveReads.inc({ result: 'ok' });
      return result;
    } catch (thrown) {
      this.#options.metrics.liveReads.inc({ result: 'failed' });
      return { kind: 'unknown', problem: apiFailure(thrown).text };
    } finally {
      clearTimeout(timer);
    }
  }

  async #readBoth(namespace: string): Promise<Governance> {
    const { metadata } = await this.#core.readNamespace({ name: namespace });
    const labels = metadata?.labels ?? {};
    const name = labels[LABEL.policy];
    if (name === undefined) return { kind: 'ungoverned' };
    const missing: Governance = { kind: 'missing', mode: readMode(labels[LABEL.mode]).mode, policyName: name };
    // A policy without a name cannot exist, and its path is that of the list of all policies.
    if (name === '') return missing;
    try {
      const object: unknown = await this.#custom.getClusterCustomObject({
        group: API.group,
        version: API.version,
        plural: API.policyPlural,
        name,
      });
      return governance(metadata ?? {}, name, compile(object));
    } catch (thrown) {
      if (apiFailure(thrown).status === 404) return missing;
      throw thrown;
    }
  }

  #compile(name: string, object: Mirrored | undefined): void {
    if (object === undefined) {
      this.#compiled.delete(name);
      return;
    }
    const compiled = compile(object);
    this.#compiled.set(name, compiled);
    const broken = 'problem' in compiled;
    this.#options.metrics.reloads.inc({ file: 'policy', result: broken ? 'failed' : 'loaded' });
    if (broken)
      this.#options.log.error(
        { policy: name, problem: compiled.problem },
        'a policy cannot be used; pods of its namespaces are refused',
      );
    else this.#options.log.info({ policy: name }, 'policy loaded');
  }
}

function compile(object: unknown): Compiled {
  const result = readPolicy(object);
  return result.ok ? { policy: result.read.policy } : { problem: result.problems.map(formatProblem).join('; ') };
}

function governance(metadata: Metadata, policyName: string, compiled: Compiled): Governance & { readonly mode: Mode } {
  const { labels = {}, annotations = {} } = metadata;
  const { mode, notice } = readMode(labels[LABEL.mode]);
  if ('problem' in compiled) return { kind: 'broken', mode, policyName, problem: compiled.problem };
  return {
    kind: 'governed',
    mode,
    policy: compiled.policy,
    podSecurity: labels[LABEL.podSecurityEnforce] ?? '',
    since: annotations[ANNOTATION.governedSince],
    notice,
  };
}

function listed(list: unknown): { items: readonly Mirrored[]; resourceVersion: string } {
  const { items, metadata } = list as { items: readonly Mirrored[]; metadata?: { resourceVersion?: string } };
  return { items, resourceVersion: metadata?.resourceVersion ?? '' };
}
