import type { FastifyError } from 'fastify';
import { Fault } from '../errors.ts';
import { BODY_LIMIT } from './load.ts';

/** How the server deals with connections and with requests that are no reviews. */

export const TLS_OPTIONS = { minVersion: 'TLSv1.2' } as const;

/** Given to the server itself: fastify does not apply its own options of these names to a server it has not made. */
export const HTTP_OPTIONS = {
  // API servers drop idle connections after 90 s; a server that drops them first loses reviews sent meanwhile.
  keepAliveTimeout: 95_000,
  // These bound a slow-loris caller: handshake, header, and header with body must each have arrived within so long. Not
  // less, as a thousand handshakes at once take seconds, and an API server waits for ten.
  handshakeTimeout: 10_000,
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
} as const;

/**
 * More are closed as they come. A connection takes 35 KB, and a stranger who opens them faster than they end for want of
 * a request must not have the process killed for its memory, and with it the connections of API servers.
 */
export const MAX_CONNECTIONS = 4096;

/** The answer to a request that cannot be reviewed; its codes are in `docs/denials.md`. */
export function explain(error: FastifyError | Fault): { status: number; code: string; message: string } {
  const { code, message } = error;
  if (error instanceof Fault) return { status: code === 'ReviewInvalid' ? 400 : 500, code, message };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return { status: 413, code: 'ReviewTooLarge', message: TOO_LARGE };
  if (error.statusCode === undefined || error.statusCode >= 500) return { status: 500, code: 'InternalError', message };
  return { status: 400, code: 'ReviewInvalid', message: BODY_PROBLEMS[code] ?? message };
}

const TOO_LARGE = `the body is longer than ${BODY_LIMIT} bytes`;

/** Fastify's own messages speak of content types, which are not looked at here. */
const BODY_PROBLEMS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the header content-type cannot be read',
};
