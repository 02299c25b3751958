import { repeat } from '../load.ts';
import { figure, median, percentile } from '../table.ts';
import { newSession, type Rig } from './rig.ts';
import { openSession } from './session.ts';

const ROUNDS = 5;
const AMOUNT = 10_000;

/** How fast clients get their keys; botocore asks on every call when it is in the mood. */
export async function reportEndpoint(rig: Rig): Promise<string[][]> {
  const { child, credentials } = await openSession(rig, await newSession(rig, { metadata: rig.closed }));
  const target = { url: credentials.url, headers: { authorization: credentials.token } };
  const rates: number[] = [];
  const latencies: number[] = [];
  const before = child.cpu();
  for (let round = 0; round <= ROUNDS; round += 1) {
    const measured = await repeat(target, AMOUNT);
    // The first round has everything compiled.
    if (round === 0) continue;
    rates.push(measured.perSecond);
    latencies.push(...measured.latencies);
  }
  const cpu = (child.cpu() - before) / (AMOUNT * (ROUNDS + 1));
  await child.stop();
  return [
    ['credentials endpoint, requests/s at 16 parallel', figure(median(rates)), '', '', ''],
    ['the same, p50 ms', figure(median(latencies)), '', '', ''],
    ['the same, p99 ms', figure(percentile(latencies, 0.99)), '', '', ''],
    ['the same, CPU µs per request', figure(cpu), '', '', ''],
  ];
}
