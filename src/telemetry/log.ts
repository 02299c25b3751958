import { type DestinationStream, type Logger, pino } from 'pino';
import { BackgroundLines } from './lines.ts';

export type { Logger } from 'pino';

/**
 * JSON lines on standard output, written in the background and several at a time: a system call for each costs more than
 * a decision. {@link flushLog} at the end.
 */
export function createLog(component: string, stream: DestinationStream = new BackgroundLines(1)): Logger {
  return pino(
    {
      // Not `name`, which is that of the object decided on.
      base: { component },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {
        error: (error: unknown) =>
          error instanceof Error ? { message: short(error.message), code: codeOf(error) } : { message: String(error) },
      },
    },
    stream,
  );
}

/** As long as an ARN may be. */
const MAX_LENGTH = 2048;

/** Names come here before anybody has checked their length, and a pod's author must not fill the log with them. */
export function short(text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}…`;
}

/** Longest wait for a reader of the log that takes nothing, in milliseconds. */
const FLUSH_WITHIN = 1_000;

/** Writes out what is still in the background, if anybody takes it. */
export async function flushLog(log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, FLUSH_WITHIN);
  log.flush(() => resolve());
  await promise;
  clearTimeout(timer);
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
