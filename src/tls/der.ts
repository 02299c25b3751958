/** The few types of DER (X.690) of which a certificate is made; each function gives one element as bytes. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export function sequence(...members: readonly Buffer[]): Buffer {
  return element(TAG.sequence, ...members);
}

export function set(...members: readonly Buffer[]): Buffer {
  return element(TAG.set, ...members);
}

/** Only the true: false is a default everywhere here, and DER leaves defaults out. */
export const TRUE = element(TAG.boolean, Buffer.from([0xff]));

/** A positive number, the most significant byte first. A leading bit would make it negative, so a zero goes before. */
export function integer(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const shortest = start < 0 ? Buffer.from([0]) : bytes.subarray(start);
  return element(TAG.integer, ...((shortest[0] ?? 0) & 0x80 ? [Buffer.from([0])] : []), shortest);
}

/** @param unused bits at the end that do not count */
export function bitString(bytes: Buffer, unused = 0): Buffer {
  return element(TAG.bitString, Buffer.from([unused]), bytes);
}

export function octetString(...content: readonly Buffer[]): Buffer {
  return element(TAG.octetString, ...content);
}

export function utf8String(text: string): Buffer {
  return element(TAG.utf8String, Buffer.from(text));
}

/** @param dotted such as `2.5.29.15` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** As certificates write times: with two digits of the year until 2049 (RFC 5280, 4.1.2.5). In whole seconds. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/\D/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? element(TAG.utcTime, Buffer.from(digits.slice(2)))
    : element(TAG.generalizedTime, Buffer.from(digits));
}

/** A field that its number tells from others: `[0] EXPLICIT …`. */
export function explicit(number: number, content: Buffer): Buffer {
  return element(0xa0 | number, content);
}

/** The same in place of a string's own tag: `[0] IMPLICIT …`. */
export function implicit(number: number, content: Buffer): Buffer {
  return element(0x80 | number, content);
}

function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body.length)]), body]);
}

/** Below 128 the length itself; otherwise its bytes, after how many they are. */
function lengthOf(length: number): readonly number[] {
  if (length < 0x80) return [length];
  if (length < 0x100) return [0x81, length];
  if (length < 0x10000) return [0x82, length >> 8, length & 0xff];
  throw new RangeError('no certificate has an element of 64 KiB');
}

/** Seven bits a byte, with the top bit on all but the last. */
function base128(arc: number): readonly number[] {
  const digits = [arc & 0x7f];
  for (let rest = arc >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}
