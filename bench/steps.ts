import { sign } from 'node:crypto';
import { Writable } from 'node:stream';
import jsonPatch from 'fast-json-patch';
import { decide } from '../src/admission/decide.ts';
import type { Outcome } from '../src/admission/outcome.ts';
import type { Governance } from '../src/admission/governance.ts';
import { guard } from '../src/admission/guard.ts';
import { PathSecrets } from '../src/admission/path-secret.ts';
import { record } from '../src/admission/record.ts';
import { respond } from '../src/admission/respond.ts';
import { readReview } from '../src/admission/review.ts';
import { applyMode } from '../src/admission/verdict.ts';
import { claimsOf } from '../src/injection/claims.ts';
import { obstacleIn } from '../src/injection/obstacles.ts';
import { readPod } from '../src/injection/pod.ts';
import type { JsonObject } from '../src/json.ts';
import { missingFrom } from '../src/lineage/containment.ts';
import { contentOf } from '../src/lineage/content.ts';
import { findKind, WORKLOAD_KINDS } from '../src/lineage/kinds.ts';
import { annotationOf } from '../src/lineage/metadata.ts';
import { ANNOTATION } from '../src/names.ts';
import { identify } from '../src/operator/identify.ts';
import type { Policy } from '../src/policy/compile.ts';
import { readPolicy } from '../src/policy/read.ts';
import { digestOf } from '../src/stamp/digest.ts';
import { verifyStamp } from '../src/stamp/jws.ts';
import { loadKeys, newKey } from '../src/stamp/keys.ts';
import { createLog } from '../src/telemetry/log.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { deploymentReview, OPERATOR, reviewOf, reviewOfSize } from './reviews.ts';
import { figure, median, table } from './table.ts';

const SECRET = '0'.repeat(64);
const SETTINGS = { sessionImage: `registry.example.com/countersign@sha256:${'0'.repeat(64)}` };

/** Where the time of a review goes inside the process, and how it grows with rules and containers. */
export function reportSteps(): void {
  const sizes = [4096, 20_480].map((bytes) => steps(reviewOfSize(bytes)));
  const [small, large] = sizes;
  const rows = Object.keys(small ?? {}).map((name) => [name, cell(small?.[name]), cell(large?.[name])]);
  console.log(`\n${table(['step, in this process (µs, KB allocated)', '4 KB', '20 KB'], rows)}`);

  const review = readReview(JSON.parse(reviewOfSize(4096)));
  const byRules = [1, 10, 100].map((rules) => {
    const { identity } = policyWith(rules);
    return [
      `${rules} rules, the last matches`,
      cell(cost(() => identify(identity, review.requester, { kind: 'none' }, 'agents'))),
    ];
  });
  const governance = governed(policyWith(1));
  const byContainers = [1, 5, 20].map((containers) => {
    const body = readReview(reviewOf(containers));
    return [`${containers} containers`, cell(cost(() => decide(body, governance, SETTINGS)))];
  });
  console.log(`\n${table(['how it grows', 'µs, KB'], [...byRules, ...byContainers])}`);
  const attribution = Object.entries(attributionSteps()).map(([name, each]) => [name, cell(each)]);
  console.log(`\n${table(['attribution through controllers, in this process', 'µs, KB'], attribution)}`);
}

interface Cost {
  readonly microseconds: number;
  readonly kilobytes: number;
}

function attributionSteps(): Record<string, Cost> {
  const key = newKey();
  const keys = loadKeys({ signing: key.kid, keys: [key] });
  const review = readReview(deploymentReview('agents', `oidc:${OPERATOR}`));
  const object = review.object ?? {};
  const kind = findKind(WORKLOAD_KINDS, { group: 'apps', kind: 'Deployment' });
  if (kind === undefined) throw new Error('Deployment is a kind of the table');
  const owners = { read: async () => ({ kind: 'missing' as const }), mayUse: async () => false };
  const stamping = { cluster: 'bench', keys, owners, deadline: 0, now: 0 };
  const governance = governed(policyWith(1));
  const circumstances = { ...SETTINGS, stamping };
  const outcome = decide(review, governance, circumstances) as Outcome;
  if (outcome.kind !== 'stamped') throw new Error(`the Deployment was not stamped: ${outcome.kind}`);
  const stored = jsonPatch.applyPatch(structuredClone(object), outcome.operations as never).newDocument;
  const token = annotationOf(stored, ANNOTATION.stamp) ?? '';
  const { covered, templates } = contentOf(object, kind);
  const spec = templates[0]?.['spec'] as JsonObject;
  return {
    'digest of a template': cost(() => digestOf(covered)),
    'sign a statement': cost(() => sign(null, Buffer.from(token), keys.signing.key)),
    'verify a stamp': cost(() => verifyStamp(token, keys.verifying)),
    'a pod contains its template': cost(() => missingFrom(spec, spec)),
    'decide on a Deployment, all of it': cost(() => decide(review, governance, circumstances)),
    'guard the same': cost(() => guard({ ...review, object: stored }, governance, circumstances)),
  };
}

function steps(text: string): Record<string, Cost> {
  const body = JSON.parse(text) as JsonObject;
  const policy = policyWith(1);
  const review = readReview(body);
  const pod = readPod(review.object);
  const outcome = decide(review, governed(policy), SETTINGS) as Outcome;
  const verdict = applyMode(outcome, 'enforce');
  const secrets = new PathSecrets([SECRET]);
  const metrics = createMetrics();
  const log = createLog('bench', new Writable({ write: (_chunk, _encoding, done) => done() }));
  const decided = { review, verdict, outcome: outcome.kind, mode: 'enforce', bytes: text.length, milliseconds: 1 };
  return {
    'path secret': cost(() => secrets.has(SECRET)),
    'JSON.parse': cost(() => JSON.parse(text) as unknown),
    'read the review': cost(() => readReview(body)),
    'read the pod': cost(() => readPod(review.object)),
    identify: cost(() => identify(policy.identity, review.requester, claimsOf(pod).operator, 'agents')),
    obstacles: cost(() => obstacleIn(pod, policy)),
    'decide, all of it': cost(() => decide(review, governed(policy), SETTINGS)),
    answer: cost(() => JSON.stringify(respond(review.uid, verdict))),
    'log and metrics': cost(() => record(decided, metrics, log)),
  };
}

/** A policy whose last rule is the one that matches the benchmark's requester. */
function policyWith(rules: number): Policy {
  const others = Array.from({ length: rules - 1 }, (_, index) => ({
    name: `other-${index}`,
    match: { username: `team-${index}:([a-z.]+@example\\.com)` },
  }));
  const result = readPolicy({
    apiVersion: 'countersign.dev/v1alpha1',
    kind: 'AttributionPolicy',
    metadata: { name: 'bench' },
    spec: {
      operators: [...others, { name: 'people', preset: 'oidc', with: { prefix: 'oidc:', domains: ['example.com'] } }],
      session: {
        identity: 'irsa',
        baseRole: 'arn:aws:iam::111122223333:role/base',
        region: 'eu-central-1',
        roles: [{ arn: 'arn:aws:iam::111122223333:role/agent' }],
      },
    },
  });
  if (!result.ok) throw new Error('the benchmark holds a broken policy');
  return result.read.policy;
}

function governed(policy: Policy): Governance {
  return { kind: 'governed', mode: 'enforce', policy, podSecurity: 'baseline', since: 'now' };
}

const ROUNDS = 15;
const CALLS = 400;

/** The median of several rounds, after one to warm up. Allocations count only while no collection intervenes. */
function cost(step: () => unknown): Cost {
  const times: number[] = [];
  const bytes: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const before = process.memoryUsage().heapUsed;
    const started = performance.now();
    for (let call = 0; call < CALLS; call += 1) step();
    const elapsed = performance.now() - started;
    const grown = process.memoryUsage().heapUsed - before;
    if (round === 0) continue;
    times.push((elapsed * 1000) / CALLS);
    if (grown > 0) bytes.push(grown / CALLS / 1024);
  }
  return { microseconds: median(times), kilobytes: median(bytes) };
}

function cell(measured: Cost | undefined): string {
  return measured === undefined ? '' : `${figure(measured.microseconds)}  ${figure(measured.kilobytes)}`;
}
