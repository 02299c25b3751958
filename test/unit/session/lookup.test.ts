import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { lookupWith } from '../../../src/session/lookup.ts';

const directory = mkdtempSync(join(tmpdir(), 'countersign-hosts-'));
const hostsFile = join(directory, 'hosts');
writeFileSync(hostsFile, '127.0.0.1 localhost # sts.test\n10.0.0.1\tsts.aliased other.aliased\nfd00::1 sts.aliased\n');
afterAll(() => rmSync(directory, { recursive: true }));

/** What a name server says to a question: an address, that there is none, or nothing at all. */
interface Zone {
  readonly A?: readonly number[] | 'silent';
  readonly AAAA?: readonly number[] | 'silent';
  readonly status?: number;
  /** Gets the type of each question. */
  readonly asked?: number[];
}

/** A name server that says the same of every name (RFC 1035, 4.1). */
async function lookUp(name: string, zone: Zone, all = true): Promise<unknown> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port }) => {
    const type = query.readUInt16BE(query.length - 4 - optionLength(query));
    zone.asked?.push(type);
    const answer = type === 1 ? zone.A : zone.AAAA;
    if (answer !== 'silent') socket.send(reply(query, answer, zone.status ?? 0), port);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const lookup = lookupWith({ servers: [`127.0.0.1:${socket.address().port}`], hostsFile });
  try {
    return await new Promise((resolve, reject) => {
      lookup(name, { all }, (error, address) => (error === null ? resolve(address) : reject(error)));
    });
  } finally {
    socket.close();
  }
}

/** Eleven bytes of EDNS (RFC 6891) follow the question where its header counts one more record. */
function optionLength(query: Buffer): number {
  return query.readUInt16BE(10) * 11;
}

function reply(query: Buffer, address: readonly number[] | undefined, status: number): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | status, 2);
  header.writeUInt16BE(address === undefined ? 0 : 1, 6);
  header.writeUInt16BE(0, 10);
  const question = query.subarray(12, query.length - optionLength(query));
  if (address === undefined) return Buffer.concat([header, question]);
  const type = address.length === 4 ? 1 : 28;
  return Buffer.concat([
    header,
    question,
    Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, address.length, ...address]),
  ]);
}

const FOUR = [192, 0, 2, 7] as const;
const SIX = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7] as const;

describe('names', () => {
  test.for([
    ['both families', { A: FOUR, AAAA: SIX }, ['192.0.2.7', '2001:db8::7']],
    ['IPv4 alone', { A: FOUR }, ['192.0.2.7']],
    ['IPv6 alone', { AAAA: SIX }, ['2001:db8::7']],
    ['IPv4, of a server that ignores the other question', { A: FOUR, AAAA: 'silent' }, ['192.0.2.7']],
    ['IPv6, of a server that ignores the other question', { A: 'silent', AAAA: SIX }, ['2001:db8::7']],
  ] as const)('%s', async ([, zone, addresses]) => {
    const found = (await lookUp('sts.test', zone)) as { readonly address: string }[];
    expect(found.map(({ address }) => address)).toEqual(addresses);
  });

  test('who has addresses does not wait until the other question is asked again', async () => {
    const asked: number[] = [];
    await lookUp('sts.test', { A: FOUR, AAAA: 'silent', asked });
    expect(asked.toSorted((one, other) => one - other)).toEqual([1, 28]);
  });

  test('one, for who wants one', async () => {
    expect(await lookUp('sts.test', { A: FOUR, AAAA: SIX }, false)).toBe('192.0.2.7');
  });

  test.for([
    ['no such name', { status: 3 }, 'ENOTFOUND'],
    ['no address', {}, 'ENODATA'],
    ['a server that cannot', { status: 2 }, 'ESERVFAIL'],
  ] as const)('%s', async ([, zone, code]) => {
    await expect(lookUp('sts.test', zone)).rejects.toMatchObject({ code });
  });

  test('a server that is silent is not waited for', async () => {
    await expect(lookUp('sts.test', { A: 'silent', AAAA: 'silent' })).rejects.toThrow(
      'no name server answers for sts.test',
    );
  });

  test('the hosts file comes first, without its comments', async () => {
    const found = await lookUp('sts.aliased', { status: 3 });
    expect(found).toEqual([
      { address: '10.0.0.1', family: 4 },
      { address: 'fd00::1', family: 6 },
    ]);
    await expect(lookUp('sts.test', { status: 3 })).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
