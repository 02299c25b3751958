import autocannon from 'autocannon';

/** What one round of load came to. */
export interface Load {
  readonly perSecond: number;
  /** Milliseconds from each request to its answer. */
  readonly latencies: readonly number[];
}

/** The request that is sent again and again. */
export interface Target {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** With a body it is a POST, without one a GET. */
  readonly body?: string;
  /** Kept-alive connections, each with one request under way. */
  readonly connections?: number;
}

const CONNECTIONS = 16;

/** Seconds after which a round is given up. */
const PATIENCE = 120;

/** Sends one review again and again over kept-alive TLS connections; see {@link repeat}. */
export async function load(url: string, review: string, amount: number): Promise<Load> {
  return repeat({ url, headers: { 'content-type': 'application/json' }, body: review }, amount);
}

/** @throws Error when one of the requests is not answered with status 200 */
export async function repeat({ url, headers, body, connections }: Target, amount: number): Promise<Load> {
  const latencies: number[] = [];
  let first = 0;
  let last = 0;
  const running = autocannon({
    url,
    connections: connections ?? CONNECTIONS,
    amount,
    timeout: 10,
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers },
    ...(body !== undefined && { body }),
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
    throw new Error(
      `${new URL(url).origin} answered ${result['2xx']} of ${amount} requests, with ${failures} failures`,
    );
  }
  // From answer to answer, which leaves the handshakes out.
  return { perSecond: ((amount - 1) * 1000) / (last - first), latencies };
}
