import { Refusal } from './refusal.ts';

/**
 * Takes the object out of a body in `aws-chunked` with unsigned chunks, which SDKs send over TLS to put a checksum
 * behind the data: `SIZE\r\nDATA\r\n…0\r\nx-amz-checksum-…:VALUE\r\n\r\n` (S3 API reference, "trailing checksums").
 */
export function unchunk(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = body.indexOf('\r\n', at);
    const text = end < 0 ? '' : body.toString('latin1', at, end);
    if (!/^[0-9a-f]+$/i.test(text)) throw new Refusal(400, 'InvalidRequest', 'a chunk without its size');
    const size = Number.parseInt(text, 16);
    if (size === 0) return Buffer.concat(parts);
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
    if (at > body.length) throw new Refusal(400, 'IncompleteBody', 'the body ends within a chunk');
  }
}
