import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../child.ts';
import { repeat } from '../load.ts';
import { figure } from '../table.ts';
import { type Cluster, LARGE_LIST, SMALL_GET } from './cluster.ts';
import { newSession, type Rig } from './rig.ts';
import { openSession } from './session.ts';
import { changeSmall, openWatches } from './watches.ts';
import { throughSession, type Way } from './ways.ts';

const AIM = { idle: 16, loaded: 32 };

/** After its start, until a process counts as idle: what the start left behind has been collected, or will not be. */
const REST_MS = 3000;

const EVERY_MS = 10;

const LOAD = { rounds: 3, keys: 5000, gets: 2000, lists: 12, listsAtOnce: 6, watches: 100, changes: 50 };

/** What one more session adds to a node: the memory that its process shares with no other. */
export async function reportMemory(rig: Rig, cluster: Cluster | undefined): Promise<string[][]> {
  const keysOnly = await openSession(rig, await newSession(rig, { metadata: rig.closed }));
  await sleep(REST_MS);
  const rows = [row('keys alone, idle', keysOnly.child.anonymous(), AIM.idle)];
  const { url, token } = keysOnly.credentials;
  const keys = { url, headers: { authorization: token } };
  const highest = await highestOf(keysOnly.child, async () => {
    for (let round = 0; round < LOAD.rounds; round += 1) await repeat(keys, LOAD.keys);
  });
  rows.push(row('keys alone, highest under load', highest, AIM.loaded));
  await keysOnly.child.stop();
  if (cluster === undefined) return rows;

  const way = await throughSession(rig, cluster);
  await sleep(REST_MS);
  rows.push(row('with Kubernetes, idle', way.child.anonymous(), AIM.idle));
  const some = await highestOf(way.child, () => oneAfterTheOther(cluster, way));
  rows.push(row('with Kubernetes, highest under load', some, AIM.loaded));
  const most = await highestOf(way.child, () => everythingAtOnce(cluster, way));
  rows.push(row('with Kubernetes, highest under everything at once', most));
  await sleep(REST_MS);
  rows.push(row('with Kubernetes, afterwards', way.child.anonymous()));
  await way.child.stop();
  return rows;
}

/** What the rates are measured with: 16 clients that get, then one that lists 5 MB again and again. */
async function oneAfterTheOther(cluster: Cluster, { url, headers }: Way): Promise<void> {
  await repeat({ url: url + SMALL_GET(cluster), headers }, LOAD.gets);
  await repeat({ url: url + LARGE_LIST(cluster), headers, connections: 1 }, LOAD.lists);
}

/** 100 watches with changes, 16 clients that get, six that list 5 MB: all at the same time, again and again. */
async function everythingAtOnce(cluster: Cluster, { url, headers }: Way): Promise<void> {
  const watches = await openWatches(cluster, { url, headers }, LOAD.watches);
  const list = { url: url + LARGE_LIST(cluster), headers, connections: LOAD.listsAtOnce };
  try {
    for (let round = 0; round < LOAD.rounds; round += 1) {
      await Promise.all([
        watches.next(LOAD.watches * LOAD.changes),
        changeSmall(cluster, LOAD.changes),
        repeat({ url: url + SMALL_GET(cluster), headers }, LOAD.gets),
        repeat(list, LOAD.lists),
        repeat({ ...list, headers: { ...headers, 'accept-encoding': 'gzip' } }, LOAD.lists),
      ]);
    }
  } finally {
    watches.end();
  }
}

/** The highest of many looks, in bytes. */
async function highestOf(child: Child, action: () => Promise<void>): Promise<number> {
  let highest = child.anonymous();
  const timer = setInterval(() => {
    highest = Math.max(highest, child.anonymous());
  }, EVERY_MS);
  try {
    await action();
  } finally {
    clearInterval(timer);
  }
  return highest;
}

function row(name: string, bytes: number, aim?: number): string[] {
  const megabytes = bytes / 1_000_000;
  const verdict = aim === undefined ? '' : `at most ${aim}: ${megabytes <= aim ? 'met' : 'missed'}`;
  return [name, figure(megabytes), verdict];
}
