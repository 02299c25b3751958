import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { Command } from 'commander';
import { FileGovernance } from '../admission/file-governance.ts';
import { PathSecrets } from '../admission/path-secret.ts';
import { createWebhook } from '../admission/server.ts';
import { diffOf, paint, yamlOf } from '../check/diff.ts';
import { patched, SOME_API_SERVER } from '../check/examine.ts';
import { Fault } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { type Answer, ask, type Endpoint } from '../local/ask.ts';
import { Store } from '../local/store.ts';
import { reviewOf, type Sample, SAMPLES } from '../local/samples.ts';
import { WEBHOOK_PATH } from '../names.ts';
import { readPolicyText } from '../policy/read.ts';
import { SAMPLE_POLICY } from '../policy/sample.ts';
import { loadKeys, newKey } from '../stamp/keys.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createAuthority, issueServing } from '../tls/authority.ts';

interface Options {
  readonly once?: boolean;
  readonly port: string;
}

/** `countersign local`, and so `npm start`: the webhook without a cluster. */
export function command(): Command {
  return new Command('local')
    .description('run the webhook on this machine with a sample policy, and show what it does with sample pods')
    .option('--once', 'end after the tour')
    .option('--port <number>', 'port to listen on, 0 for any that is free', '0')
    .addHelpText('after', '\nExample:\n  countersign local --once')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  const directory = mkdtempSync(join(tmpdir(), 'countersign-local-'));
  // Also when the tour fails: the directory holds a path secret.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

  const store = new Store();
  const { webhook, endpoint, log } = await start(Number(options.port), store);
  console.log(
    paint('bold', `Countersign answers on ${new URL(endpoint.url).origin}, with the sample policy "agents".`, colour),
  );
  for (const [index, sample] of SAMPLES.entries()) {
    const object = typeof sample.object === 'function' ? sample.object(store) : sample.object;
    const answer = await ask(endpoint, reviewOf(sample, object));
    if (answer.allowed) store.put(patched(object, answer.operations));
    console.log(`\n${show({ number: index + 1, sample, object, answer }, colour)}`);
  }
  if (options.once === true) {
    await webhook.app.close();
    return;
  }

  log.level = 'info';
  console.log(`\n${nextSteps(directory, endpoint, colour)}`);
  closeWithGrace({ delay: 2_000, logger: false }, () => webhook.app.close());
}

async function start(port: number, store: Store) {
  const policy = readPolicyText(SAMPLE_POLICY);
  if (!policy.ok)
    throw new Fault('PolicyInvalid', 'the sample policy is broken; this is a fault of Countersign itself');
  const governance = new FileGovernance();
  governance.setPolicy(policy.read.policy);
  const log = createLog('countersign');
  log.level = 'silent';
  const webhook = createWebhook({
    governance,
    settings: { sessionImage: 'countersign:local', apiServer: SOME_API_SERVER },
    lineage: { owners: store.owners, cluster: () => 'local' },
    metrics: createMetrics(),
    log,
  });

  const now = new Date();
  const authority = await createAuthority({ commonName: 'countersign local', days: 1, now });
  const serving = await issueServing({ authority, dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], days: 1, now });
  webhook.setCertificate({
    cert: serving.certificate,
    key: serving.key,
    notAfter: new Date(now.getTime() + 86_400_000),
  });
  const secret = randomBytes(32).toString('base64url');
  webhook.setPathSecrets(new PathSecrets([secret]));
  const key = newKey();
  webhook.setStampKeys(loadKeys({ signing: key.kid, keys: [key] }));
  await webhook.app.listen({ host: '127.0.0.1', port });
  const { port: actual } = webhook.app.server.address() as AddressInfo;
  const endpoint: Endpoint = {
    url: `https://127.0.0.1:${actual}${WEBHOOK_PATH.mutate}/${secret}`,
    ca: authority.certificate,
  };
  return { webhook, endpoint, log };
}

interface Step {
  readonly number: number;
  readonly sample: Sample;
  readonly object: JsonObject;
  readonly answer: Answer;
}

function show({ number, sample, object, answer }: Step, colour: boolean): string {
  const { annotations } = answer;
  const decision = answer.allowed
    ? paint(
        'green',
        `${annotations['code']}: operator ${annotations['operator']}, rule "${annotations['rule']}"`,
        colour,
      )
    : paint('red', `refused: ${answer.message}`, colour);
  const lines = [
    paint('bold', `${number}. ${sample.title}`, colour),
    `   asked by   ${sample.user.username}`,
    `   decision   ${decision}`,
  ];
  if (answer.operations.length > 0) {
    const diff = diffOf(object, patched(object, answer.operations), { colour, fold: number > 1 });
    lines.push('   changes', shortened(diff).replace(/^/gm, '     '));
  }
  return lines.join('\n');
}

/** Without what nobody reads: stamps are a screen long. */
function shortened(diff: string): string {
  return diff.replace(/(eyJ[A-Za-z0-9_-]{9})[A-Za-z0-9_.-]{100,}/g, '$1…');
}

/** Leaves what the two commands need in a directory of its own, which goes when the program ends. */
function nextSteps(directory: string, { url, ca }: Endpoint, colour: boolean): string {
  const [sample] = SAMPLES;
  if (sample === undefined || typeof sample.object === 'function') return '';
  const file = (name: string, content: string): string => {
    const path = join(directory, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const caFile = file('ca.pem', ca);
  const review = file('review.json', JSON.stringify(reviewOf(sample, sample.object), null, 2));
  const pod = file('pod.yaml', yamlOf(sample.object));
  const policy = file('policy.yaml', SAMPLE_POLICY);
  return [
    paint('bold', 'Go on by yourself; edit the files and ask again. Ctrl-C ends it and removes them.', colour),
    `  curl --cacert ${caFile} --json @${review} ${url}`,
    `  npm run -s countersign -- check -f ${pod} --policy ${policy} --as oidc:alice@example.com -o diff`,
  ].join('\n');
}
