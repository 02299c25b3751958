import { BackgroundLines } from '../telemetry/lines.ts';

/**
 * The session's log: JSON lines of the same shape as the webhook's, without its library. Fields are written as they
 * come, so a caller names what it logs: never a token, a key or a whole error of somebody else's.
 */
export interface Log {
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
}

export type Fields = Readonly<Record<string, unknown>>;

/** @param lines where they go: to standard output in the background, but with `session exec` */
export function createLog(lines: Pick<BackgroundLines, 'write'> = new BackgroundLines(1)): Log {
  const write = (level: string, fields: Fields, msg: string): void => {
    const time = new Date().toISOString();
    lines.write(`${JSON.stringify({ level, time, component: 'session', ...fields, msg })}\n`);
  };
  return {
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
  };
}

/** Longest part of somebody else's message inside one of ours. */
const EXCERPT = 400;

/** Somebody else's text as one line that can be printed: what is no visible ASCII becomes a space. */
export function excerpt(text: string): string {
  const line = text.replace(/[^\x21-\x7e]+/g, ' ').trim();
  return line.length <= EXCERPT ? line : `${line.slice(0, EXCERPT)}…`;
}
