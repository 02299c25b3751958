import { open } from 'node:fs/promises';

/** A compact JWS (RFC 7515): three parts of base64url. Nothing else may reach a header or a log. */
export const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * Reads a file that should hold a token, and of anything else that lies there no more than its first bytes.
 *
 * @throws Error of the system, when it cannot be read
 */
export async function readStart(path: string, bytes: number): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
