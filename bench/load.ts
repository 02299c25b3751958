import autocannon from 'autocannon';

/** What one round of load came to. */
export interface Load {
  readonly reviewsPerSecond: number;
  /** Milliseconds from each request to its answer. */
  readonly latencies: readonly number[];
}

const CONNECTIONS = 16;

/** Seconds after which a round is given up. */
const PATIENCE = 120;

/**
 * Sends one review again and again over kept-alive TLS connections.
 *
 * @throws Error when one of them is not answered with status 200
 */
export async function load(url: string, review: string, amount: number): Promise<Load> {
  const latencies: number[] = [];
  let first = 0;
  let last = 0;
  const running = autocannon({
    url,
    connections: CONNECTIONS,
    amount,
    timeout: 10,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: review,
    sampleInt: 100,
  });
  running.on('response', (_client, _status, _bytes, milliseconds) => {
    last = performance.now();
    first ||= last;
    latencies.push(milliseconds);
  });
  const timer = setTimeout(() => running.stop(), PATIENCE * 1000);
  const result = await running;
  clearTimeout(timer);
  const failures = result.non2xx + result.errors + result.timeouts + result.resets;
  if (failures > 0 || result['2xx'] !== amount) {
    throw new Error(`${new URL(url).origin} answered ${result['2xx']} of ${amount} reviews, with ${failures} failures`);
  }
  // From answer to answer, which leaves the handshakes out.
  return { reviewsPerSecond: ((amount - 1) * 1000) / (last - first), latencies };
}
