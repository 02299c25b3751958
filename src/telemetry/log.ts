import { type DestinationStream, destination, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/**
 * JSON lines on standard output. Written in the background, so that a slow reader of the log does not slow a review
 * down; {@link flushLog} at the end.
 */
export function createLog(component: string, stream: DestinationStream = background()): Logger {
  return pino(
    {
      // Not `name`, which is that of the object decided on.
      base: { component },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {
        error: (error: unknown) =>
          error instanceof Error ? { message: error.message, code: codeOf(error) } : { message: String(error) },
      },
    },
    stream,
  );
}

function background(): DestinationStream {
  const stream = destination({ dest: 1, sync: false });
  // A full disk or a closed pipe behind standard output must not end the webhook: admission goes on unlogged, and the
  // audit log of the API server still has each decision's annotations.
  stream.on('error', () => undefined);
  return stream;
}

/** Writes out what is still in the background. */
export function flushLog(log: Logger): Promise<void> {
  return new Promise((resolve) => log.flush(() => resolve()));
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
