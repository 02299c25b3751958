import { type Load, repeat } from '../load.ts';
import { figure, median, percentile } from '../table.ts';
import { type Cluster, LARGE_LIST, SMALL_GET } from './cluster.ts';
import type { Rig } from './rig.ts';
import { eventsThrough } from './watches.ts';
import { throughKubectl, throughSession, type Way } from './ways.ts';

const AIM = 0.9;

/** One kind of load, and how much of it makes a round. */
interface Kind {
  readonly name: string;
  readonly rounds: number;
  readonly amount: number;
  readonly connections: number;
  readonly path: (cluster: Cluster) => string;
  readonly headers?: Readonly<Record<string, string>>;
}

const KINDS: readonly Kind[] = [
  { name: 'GET, one after the other', rounds: 6, amount: 500, connections: 1, path: SMALL_GET },
  { name: 'GET, 16 parallel', rounds: 10, amount: 2500, connections: 16, path: SMALL_GET },
  // As Go's and Python's clients ask for it.
  {
    name: '5 MB list, gzip',
    rounds: 6,
    amount: 8,
    connections: 1,
    path: LARGE_LIST,
    headers: { 'accept-encoding': 'gzip' },
  },
  {
    name: '5 MB list, plain',
    rounds: 6,
    amount: 8,
    connections: 1,
    path: LARGE_LIST,
    headers: { 'accept-encoding': 'identity' },
  },
];

const WATCH_ROUNDS = 6;

/** The way to the Kubernetes API beside `kubectl proxy --as`, in turn. */
export async function reportProxy(rig: Rig, cluster: Cluster): Promise<string[][]> {
  const session = await throughSession(rig, cluster);
  const kubectl = await throughKubectl(cluster);
  const ways = [session, kubectl] as const;
  try {
    const rows: string[][] = [];
    for (const kind of KINDS) rows.push(...(await compare(kind, cluster, ways)));
    rows.push(...(await compareWatches(cluster, ways)));
    return rows;
  } finally {
    for (const { child } of ways) await child.stop();
  }
}

interface Measured extends Load {
  /** Microseconds that the proxy itself needed for each request. */
  readonly cpu: number;
}

async function compare(kind: Kind, cluster: Cluster, ways: readonly [Way, Way]): Promise<string[][]> {
  const loads = await inTurn(ways, kind.rounds, (way) => measured(kind, cluster, way));
  const [ours, theirs] = loads;
  const p50 = (side: readonly Measured[], part: number): number =>
    percentile(
      side.flatMap(({ latencies }) => latencies),
      part,
    );
  const row = (name: string, our: number, their: number): string[] => [
    `${kind.name}: ${name}`,
    figure(our),
    figure(their),
    figure(our / their),
    '',
  ];
  return [
    rates(`${kind.name}: requests/s`, ours, theirs),
    row('p50 ms', p50(ours, 0.5), p50(theirs, 0.5)),
    row('p99 ms', p50(ours, 0.99), p50(theirs, 0.99)),
    row('CPU µs per request', median(ours.map(({ cpu }) => cpu)), median(theirs.map(({ cpu }) => cpu))),
  ];
}

async function measured(kind: Kind, cluster: Cluster, { url, headers, child }: Way): Promise<Measured> {
  const before = child.cpu();
  const target = {
    url: `${url}${kind.path(cluster)}`,
    headers: { ...headers, ...kind.headers },
    connections: kind.connections,
  };
  const load = await repeat(target, kind.amount);
  return { ...load, cpu: (child.cpu() - before) / kind.amount };
}

async function compareWatches(cluster: Cluster, ways: readonly [Way, Way]): Promise<string[][]> {
  const [ours, theirs] = await inTurn(ways, WATCH_ROUNDS, async (way) => eventsThrough(cluster, way));
  return [rates('100 watches: events/s', ours, theirs)];
}

/** Both ways in each round, each first as often as the other; the first round has everything compiled. */
async function inTurn<Result>(
  ways: readonly [Way, Way],
  rounds: number,
  action: (way: Way) => Promise<Result>,
): Promise<[Result[], Result[]]> {
  const results: [Result[], Result[]] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    const order = [0, 1] as const;
    for (const index of round % 2 === 0 ? order : order.toReversed()) {
      const result = await action(ways[index]);
      if (round > 0) results[index].push(result);
    }
  }
  return results;
}

/** Round by round, because the two halves of a round saw the same machine. */
function rates(
  name: string,
  ours: readonly { readonly perSecond: number }[],
  theirs: readonly { readonly perSecond: number }[],
): string[] {
  const our = ours.map(({ perSecond }) => perSecond);
  const their = theirs.map(({ perSecond }) => perSecond);
  const ratio = median(our.map((each, round) => each / (their[round] ?? Number.NaN)));
  const verdict = ratio >= AIM ? 'met' : 'missed';
  return [name, figure(median(our)), figure(median(their)), figure(ratio), `at least ${AIM}: ${verdict}`];
}
