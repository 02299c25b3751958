import { isObject } from '../json.ts';
import { type Logger, short } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Review } from './review.ts';
import type { Verdict } from './verdict.ts';

/** A review and what became of it. */
export interface Decided {
  readonly review: Review;
  readonly verdict: Verdict;
  /** `attributed`, `refused` or `untouched`. */
  readonly outcome: string;
  readonly mode: string;
  /** Of the body, as announced. */
  readonly bytes: number;
  /** From the header to the answer. */
  readonly milliseconds: number;
}

/** Counts a decision, and writes one line of log about it; neither holds a part of the pod but its name. */
export function record(decided: Decided, metrics: Metrics, log: Logger): void {
  const { review, verdict, outcome, mode, bytes, milliseconds } = decided;
  metrics.duration.observe(milliseconds / 1000);
  metrics.reviewSize.observe(bytes);
  metrics.decisions.inc({ outcome, code: verdict.code, mode });
  log.info(
    {
      uid: short(review.uid),
      resource: short(review.resource.resource),
      requester: short(review.requester.username),
      operator: verdict.auditAnnotations['operator'],
      namespace: short(review.namespace),
      name: short(review.name || nameIn(review)),
      allowed: verdict.allowed,
      code: verdict.code,
      mode,
      dryRun: review.dryRun || undefined,
      ms: Math.round(milliseconds * 100) / 100,
    },
    short(verdict.message ?? 'decided'),
  );
}

/** A pod made by `generateName` has no name yet. */
function nameIn(review: Review): string {
  const metadata = review.object?.['metadata'];
  if (!isObject(metadata)) return '';
  const { name, generateName } = metadata;
  return [name, generateName].find((each) => typeof each === 'string') ?? '';
}
