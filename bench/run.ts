/** `npm run bench`: the webhook beside a bare fastify endpoint, in turn, under the same load. See README.md. */
import { availableParallelism } from 'node:os';
import { ask } from '../src/local/ask.ts';
import { reportCluster } from './cluster.ts';
import { type Fixture, NODE_OPTIONS, prepare } from './fixture.ts';
import { load } from './load.ts';
import { OPERATOR, reviewOfSize } from './reviews.ts';
import { type Running, start } from './server.ts';
import { reportSteps } from './steps.ts';
import { figure, median, percentile, table } from './table.ts';

/** Together 100,000 reviews for each server. Many short rounds, because what else the machine does changes. */
const ROUNDS = 10;
const SIZES = [
  { name: '4 KB', bytes: 4096, amount: 6000 },
  { name: '20 KB', bytes: 20_480, amount: 4000 },
].map((size) => ({ ...size, review: reviewOfSize(size.bytes) }));

/** Reviews of each size before anything is measured, so that what is compared has been compiled. */
const WARM_UP = 3000;

const STARTS = 5;

const AIM = { rate: 0.75, startMs: 300, resident: 1.2 };

/** What one server did with reviews of one size. */
interface Measured {
  /** Reviews per second, by round. */
  readonly rates: number[];
  /** Milliseconds, by review. */
  readonly latencies: number[];
  /** Microseconds a review, by round. */
  readonly cpu: number[];
  /** How much of one CPU it used, by round: below 1 the generator or something else was the limit. */
  readonly busy: number[];
}

/** A server under load, and where it takes reviews of each size. */
interface Subject {
  readonly server: Running;
  readonly urls: readonly string[];
  readonly measured: readonly Measured[];
}

const fixture = await prepare();
const starts = await measureStarts(fixture);
const { subjects, resident } = await measureLoad(fixture);
report();
reportSteps();
await reportCluster(fixture);

/** Milliseconds to ready of both servers, the webhook's first. */
async function measureStarts({ ours, bare }: Fixture): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < STARTS; round += 1) {
    for (const [index, program] of [ours, bare([])].entries()) {
      const server = await start(program);
      times[index]?.push(server.readyMs);
      await server.stop();
    }
  }
  return times;
}

async function measureLoad({ ca, path, ours, bare }: Fixture) {
  const webhook = await start(ours);
  const url = `https://127.0.0.1:${webhook.port}${path}`;
  const patches: number[] = [];
  for (const { name, review } of SIZES) {
    const answer = await ask({ url, ca }, JSON.parse(review));
    if (answer.annotations['operator'] !== OPERATOR) throw new Error(`the review of ${name} was not attributed`);
    patches.push(JSON.stringify(answer.operations).length);
  }
  const endpoint = await start(bare(patches));
  const pair = [
    subjectOf(webhook, () => `${url}?timeout=10s`),
    subjectOf(endpoint, (size) => `https://127.0.0.1:${endpoint.port}/${patches[size]}?timeout=10s`),
  ] as const;

  for (const [index, { review }] of SIZES.entries()) {
    for (const { urls } of pair) await load(urls[index] ?? '', review, WARM_UP);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const index of SIZES.keys()) {
      // Each goes first as often as the other.
      for (const subject of round % 2 === 0 ? pair : pair.toReversed()) await measureRound(subject, index);
    }
  }
  const after = pair.map(({ server }) => server.resident());
  for (const { server } of pair) await server.stop();
  return { subjects: pair, resident: after };
}

function subjectOf(server: Running, urlOf: (size: number) => string): Subject {
  return {
    server,
    urls: [...SIZES.keys()].map(urlOf),
    measured: SIZES.map(() => ({ rates: [], latencies: [], cpu: [], busy: [] })),
  };
}

async function measureRound({ server, urls, measured }: Subject, index: number): Promise<void> {
  const size = SIZES[index];
  const into = measured[index];
  if (size === undefined || into === undefined) return;
  const before = server.cpu();
  const { perSecond, latencies } = await load(urls[index] ?? '', size.review, size.amount);
  const cpu = (server.cpu() - before) / size.amount;
  into.rates.push(perSecond);
  into.latencies.push(...latencies);
  into.cpu.push(cpu);
  into.busy.push((cpu * perSecond) / 1_000_000);
}

function report(): void {
  const [webhook, endpoint] = subjects;
  const [ourStarts, bareStarts] = starts;
  const [ourMemory = Number.NaN, bareMemory = Number.NaN] = resident.map((bytes) => bytes / 1_000_000);
  const reviews = WARM_UP * SIZES.length + ROUNDS * SIZES.reduce((sum, { amount }) => sum + amount, 0);
  const rows: string[][] = [];
  const row = (name: string, our: number, their: number, aim = '', ratio = our / their): void => {
    rows.push([name, figure(our), figure(their), figure(ratio), aim]);
  };
  for (const [index, { name }] of SIZES.entries()) {
    const our = webhook.measured[index];
    const their = endpoint.measured[index];
    if (our === undefined || their === undefined) continue;
    // Round by round, because the two halves of a round saw the same machine.
    const rate = median(our.rates.map((each, round) => each / (their.rates[round] ?? Number.NaN)));
    const aim = `at least ${AIM.rate} of bare: ${rate >= AIM.rate ? 'met' : 'missed'}`;
    row(`${name}: reviews/s`, median(our.rates), median(their.rates), aim, rate);
    row(`${name}: p50 ms`, median(our.latencies), median(their.latencies));
    row(`${name}: p99 ms`, percentile(our.latencies, 0.99), percentile(their.latencies, 0.99));
    row(`${name}: CPU µs per review`, median(our.cpu), median(their.cpu));
    row(`${name}: busy (1 = one CPU)`, median(our.busy), median(their.busy));
  }
  const ready = median(ourStarts);
  row(
    'start to ready, ms',
    ready,
    median(bareStarts),
    `under ${AIM.startMs} ms: ${ready < AIM.startMs ? 'met' : 'missed'}`,
  );
  const memory = ourMemory / bareMemory <= AIM.resident ? 'met' : 'missed';
  row(`resident MB after ${reviews} reviews`, ourMemory, bareMemory, `at most ${AIM.resident} × bare: ${memory}`);
  console.log(
    `Node ${process.versions.node}, ${availableParallelism()} CPUs, Node options: ${NODE_OPTIONS.join(' ') || 'none'}\n`,
  );
  console.log(table(['', webhook.server.name, endpoint.server.name, 'ratio', 'aim'], rows));
}
