import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Everything that is counted. Labels take their values from fixed sets, so the number of series is bounded. */
export interface Metrics {
  readonly registry: Registry;
  /** One a review. outcome: attributed, refused, untouched; code; mode. */
  readonly decisions: Counter<'outcome' | 'code' | 'mode'>;
  /** Seconds from the first byte of a review to its answer. */
  readonly duration: Histogram;
  /** Bytes. */
  readonly reviewSize: Histogram;
  readonly inFlight: Gauge;
  /** Requests that were not reviewed. reason: path, overload, invalid, fault. */
  readonly rejected: Counter<'reason'>;
  /** Files that changed and were taken over, or not. file: tls, path, policy, stamp-keys; result: loaded, failed. */
  readonly reloads: Counter<'file' | 'result'>;
  /** Seconds since the epoch at which the serving certificate expires. */
  readonly certificateExpiry: Gauge;
  /** Reads of the API server on behalf of a review. result: ok, failed. */
  readonly liveReads: Counter<'result'>;
  /** Seconds that a review waited for an owner. result: found, missing, failed; shared, with another's request. */
  readonly ownerReads: Histogram<'result'>;
}

/** Fine where the API server's patience is spent, 0.5 to 50 ms, with a tail up to its longest time-out. */
const DURATION_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.5, 1, 5, 10,
];
const SIZE_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 512, 2048, 8192].map((kilobytes) => kilobytes * 1024);

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    decisions: new Counter({
      name: 'countersign_decisions_total',
      help: 'Reviews decided, by outcome, code and mode of the namespace',
      labelNames: ['outcome', 'code', 'mode'],
      registers,
    }),
    duration: new Histogram({
      name: 'countersign_review_duration_seconds',
      help: 'Time from the first byte of a review to its answer',
      buckets: DURATION_BUCKETS,
      registers,
    }),
    reviewSize: new Histogram({
      name: 'countersign_review_size_bytes',
      help: 'Size of the review',
      buckets: SIZE_BUCKETS,
      registers,
    }),
    inFlight: new Gauge({ name: 'countersign_reviews_in_flight', help: 'Reviews being read or decided', registers }),
    rejected: new Counter({
      name: 'countersign_requests_rejected_total',
      help: 'Requests that were not reviewed, by reason',
      labelNames: ['reason'],
      registers,
    }),
    reloads: new Counter({
      name: 'countersign_reloads_total',
      help: 'Changed files that were taken over or not',
      labelNames: ['file', 'result'],
      registers,
    }),
    certificateExpiry: new Gauge({
      name: 'countersign_certificate_expiry_timestamp_seconds',
      help: 'When the serving certificate expires',
      registers,
    }),
    liveReads: new Counter({
      name: 'countersign_live_reads_total',
      help: 'Reads of the API server on behalf of a review',
      labelNames: ['result'],
      registers,
    }),
    ownerReads: new Histogram({
      name: 'countersign_owner_read_seconds',
      help: 'Time that a review waited for an owner to be read from the API server',
      labelNames: ['result'],
      buckets: DURATION_BUCKETS,
      registers,
    }),
  };
}
