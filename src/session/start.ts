import { withdraw } from './files.ts';
import type { Fields } from './log.ts';
import type { Places } from './places.ts';
import type { SessionSettings } from './settings.ts';
import type { TemporaryCredentials } from './sts/credentials.ts';

/** All of the start; the hook waits ten seconds, and the reason must be told before it gives up. */
const START_WITHIN_MS = 9_000;

/**
 * What both ways of delivery have in common: the time within which a session opens, its end when told to, and that a
 * failure leaves nothing for the application.
 *
 * @param ended status of the process when a signal ends it
 * @throws whatever `open` throws; nothing is left in the shared directory then
 */
export async function start(
  places: Places,
  ended: number,
  open: (deadline: AbortSignal) => Promise<void>,
): Promise<void> {
  // A process 1 without a handler would hold the pod for its whole grace period.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(ended));
  try {
    await open(AbortSignal.timeout(START_WITHIN_MS));
  } catch (thrown) {
    withdraw(places.shared);
    throw thrown;
  }
}

/** What a session is, for whoever reads its log; nothing in it opens anything. */
export function factsOf(
  { operator, roleArn, sessionId }: SessionSettings,
  { expiration }: TemporaryCredentials,
): Fields {
  return { operator, role: roleArn, session: sessionId, expires: expiration.toISOString() };
}
