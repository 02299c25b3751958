import { randomBytes } from 'node:crypto';

/** What a local client has to show: 256 random bits, in characters that need no quoting in a header or a file. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Whether a file that was kept holds one. */
export function isSecret(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}
