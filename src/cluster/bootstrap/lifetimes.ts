/**
 * How long what `bootstrap` makes is valid, in days. Renewal runs weekly, so each margin leaves several attempts, and
 * the serving certificate lasts long enough for a cluster in which the CronJob has been suspended for a while.
 */

export const SERVING_DAYS = 180;
export const SERVING_RENEWED_BEFORE_DAYS = 30;

export const AUTHORITY_DAYS = 1826;
/**
 * More than a serving certificate's life: the new authority is trusted long before it signs anything that is served,
 * so at no moment does a replica serve what an API server does not trust yet, and no serving certificate is cut short.
 */
export const AUTHORITY_RENEWED_BEFORE_DAYS = SERVING_DAYS + SERVING_RENEWED_BEFORE_DAYS;

const DAY_MS = 86_400_000;

/** Whether `end` is less than `days` away. */
export function endsWithin(end: Date, days: number, now: Date): boolean {
  return end.getTime() - now.getTime() < days * DAY_MS;
}
