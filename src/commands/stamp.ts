import { text as readStream } from 'node:stream/consumers';
import { Command } from 'commander';
import { showStatement } from '../check/show-statement.ts';
import { judge, objectTitle, statementsOn } from '../check/statements.ts';
import { objectsIn, type PlacedObject } from '../files/objects.ts';
import { readPolicyFile, readText } from '../files/policy.ts';
import { Fault } from '../errors.ts';
import { WORKLOAD_KINDS } from '../lineage/kinds.ts';
import { OBJECT } from '../names.ts';
import { parsePublicKeys } from '../stamp/keys.ts';
import { needed } from './options.ts';

interface Options {
  readonly filename: readonly string[];
}

interface VerifyOptions extends Options {
  readonly jwks?: string;
  readonly policy?: string;
}

/** `countersign stamp`: what the signed statements on objects say, without a cluster. */
export function command(): Command {
  const stamp = new Command('stamp')
    .description('show and verify the stamps on what "kubectl get … -o yaml" prints')
    .addHelpText('after', `\nExamples:${EXAMPLES}`);
  withFiles(stamp.command('show'))
    .description('say who stands behind each object, as its stamps say; they are not verified')
    .action(show);
  withFiles(stamp.command('verify'))
    .description('verify each object’s stamps: signature, object, and that they cover what it runs')
    .option('--jwks <file>', 'the public keys')
    .option('--policy <file>', 'a policy with workload kinds of your own')
    .addHelpText(
      'after',
      `
Exit status: 0 when everything verifies, 1 when something does not, 2 when it cannot be told.
Whether a stamp counts also depends on the cluster: since when the namespace is governed, and who has left.

Examples:${EXAMPLES}`,
    )
    .action(verify);
  return stamp;
}

const EXAMPLES = `
  kubectl -n agents get deployments,pods -o yaml | countersign stamp show -f -
  kubectl -n ${OBJECT.namespace} get configmap ${OBJECT.stampKeysConfigMap} -o 'jsonpath={.data.jwks\\.json}' > jwks.json
  kubectl -n agents get deployments -o yaml | countersign stamp verify -f - --jwks jwks.json`;

function withFiles(command: Command): Command {
  return command.option(
    '-f, --filename <file>',
    'YAML or JSON: objects or Lists; - is standard input; may be given again',
    (value: string, before: readonly string[]) => [...before, value],
    [] as readonly string[],
  );
}

async function show({ filename }: Options): Promise<void> {
  const blocks = (await readAll(filename)).map(({ place, object }) => {
    const statements = statementsOn(object);
    const lines = statements.length === 0 ? ['no stamp'] : statements.flatMap((each) => showStatement(each));
    return block(place, object, lines);
  });
  if (blocks.length > 0) console.log(blocks.join('\n'));
}

async function verify({ filename, jwks, policy }: VerifyOptions): Promise<void> {
  const keys = await publicKeys(needed(jwks, '--jwks FILE'));
  const kinds = policy === undefined ? WORKLOAD_KINDS : (await readPolicyFile(policy)).policy.kinds;
  const objects = await readAll(filename);
  // An empty list verifies, but whoever mistyped a selector should notice.
  if (objects.length === 0) console.error('There are no objects.');
  const judged = objects.map(({ place, object }) => ({
    place,
    object,
    ...judge(object, kinds, keys),
  }));
  if (judged.length > 0) console.log(judged.map(({ place, object, lines }) => block(place, object, lines)).join('\n'));
  if (judged.some(({ ok }) => !ok)) process.exitCode = 1;
}

async function publicKeys(path: string) {
  const text = await readText(path);
  try {
    return parsePublicKeys(text);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault(
      thrown.code,
      `${path}: ${thrown.message}. Next: get them from ConfigMap ${OBJECT.stampKeysConfigMap}; see --help`,
    );
  }
}

async function readAll(files: readonly string[]): Promise<readonly PlacedObject[]> {
  if (files.length === 0) throw new Fault('UsageInvalid', '-f FILE is needed; - is standard input');
  const objects: PlacedObject[] = [];
  for (const file of files) {
    objects.push(...objectsIn(file, file === '-' ? await readStream(process.stdin) : await readText(file)));
  }
  return objects;
}

function block(place: string, object: PlacedObject['object'], lines: readonly string[]): string {
  return [`${place}: ${objectTitle(object)}`, ...lines.map((line) => `  ${line}`)].join('\n');
}
