import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fault } from '../../errors.ts';
import { isObject, type Json, type JsonObject } from '../../json.ts';
import { excerpt } from '../log.ts';

/** An API version of client-go's credential plugins (Kubernetes: "client-go credential plugins"). */
const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];
/** A log-in in a browser may belong to it. */
const WITHIN_MS = 60_000;
const MOST_BYTES = 64 * 1024;
/** A token is got anew when so little of it is left; one without an end after an hour. */
const SPARE_MS = 60_000;
const UNKNOWN_LIFE_MS = 3_600_000;

/**
 * The token that a command of the kubeconfig prints, such as `aws eks get-token`. It runs here, with the caller's own
 * environment: in the agent's it would get the agent's AWS keys, and log in as somebody else.
 *
 * @returns gives the token, from memory while it lasts; one command at a time
 * @throws Fault `KubernetesAccessFailed`, from that function; never with what the command printed to standard output
 */
export function tokenByCommand(plugin: Json): () => string | Promise<string> {
  let token = '';
  let until = 0;
  let running: Promise<string> | undefined;
  const run = async () => {
    try {
      ({ token, until } = await ask(plugin));
      return token;
    } finally {
      running = undefined;
    }
  };
  return () => {
    if (Date.now() < until - SPARE_MS) return token;
    running ??= run();
    return running;
  };
}

async function ask(plugin: Json): Promise<{ token: string; until: number }> {
  const { command, apiVersion } = isObject(plugin) ? plugin : {};
  if (typeof command !== 'string' || typeof apiVersion !== 'string' || !VERSIONS.includes(apiVersion)) {
    throw failed('it names no command, or not in a version that is known', `let it use ${VERSIONS[0] ?? ''}`);
  }
  const { args, env } = plugin as JsonObject;
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
  let output: string;
  try {
    const options = { timeout: WITHIN_MS, maxBuffer: MOST_BYTES, env: environmentOf(env, info) };
    ({ stdout: output } = await promisify(execFile)(command, textsOf(args), options));
  } catch (thrown) {
    throw failed(`"${command}" failed: ${reasonFor(thrown)}`, 'run kubectl get --raw /version in the same environment');
  }
  const status = statusIn(output);
  const { token, expirationTimestamp } = status;
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw failed(`"${command}" printed no token`, 'use a context whose command prints one, and no certificate');
  }
  const end = typeof expirationTimestamp === 'string' ? Date.parse(expirationTimestamp) : Number.NaN;
  return { token, until: Number.isNaN(end) ? Date.now() + UNKNOWN_LIFE_MS : end };
}

function statusIn(output: string): JsonObject {
  try {
    const answer: unknown = JSON.parse(output);
    if (isObject(answer) && isObject(answer['status'])) return answer['status'];
  } catch {
    // What it printed may hold a token, and so may the parser's message.
  }
  return {};
}

function environmentOf(env: Json | undefined, info: object): NodeJS.ProcessEnv {
  const own = (Array.isArray(env) ? (env as readonly Json[]) : []).filter(isObject);
  const texts = own.filter((entry): entry is { name: string; value: string } =>
    areTexts(entry['name'], entry['value']),
  );
  return {
    ...process.env,
    ...Object.fromEntries(texts.map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  };
}

function textsOf(args: Json | undefined): string[] {
  return Array.isArray(args) ? (args as readonly Json[]).filter((each) => typeof each === 'string') : [];
}

function areTexts(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string');
}

/** Node's message repeats the whole command line; what the command said of itself is on its standard error. */
function reasonFor(thrown: unknown): string {
  const { code, signal, stderr } = thrown as { code?: unknown; signal?: unknown; stderr?: unknown };
  const said = typeof stderr === 'string' ? excerpt(stderr) : '';
  if (said !== '') return said;
  return typeof signal === 'string' ? `it was ended by ${signal}` : `status ${String(code)}`;
}

function failed(what: string, next: string): Fault {
  return new Fault(
    'KubernetesAccessFailed',
    `the credential command of the kubeconfig does not serve: ${what}. Next: ${next}`,
  );
}
